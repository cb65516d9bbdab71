"""How one feature of a segment differs from all rows: an effect size and the words for it.

A phrase may stand in a name, so it is given only where most of the segment has what it says and
most of all rows have not; else it is empty. A feature that is the same everywhere has no trait.

What belongs here: effect sizes and sentences derived from one feature block. What does not: any
word that is true of one shop only; whether a phrase holds (``phrases``); choosing names
(``meaning``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ecorse.features.blocks import Block, Floats, Labels, moments
from ecorse.models.declaration import PERIODS
from ecorse.segments.phrases import (
    WINDOW_SHARE,
    Mask,
    number_phrase,
    place_in_cycle,
    share_phrase,
    spell,
    time_phrase,
    within,
)

MEASURES = {
    "cycle": "circular-linear correlation",
    "share": "Cramér's V",
    "log_mean": "point-biserial correlation",
    "log_sum": "point-biserial correlation",
}
CONTRASTS = {
    "cycle": "mean resultant length",
    "share": "share ratio",
    "log_mean": "standardized mean difference",
    "log_sum": "standardized mean difference",
}
NO_SPREAD = 1e-12
TELLS_NOTHING = 0.9
"""Where a window holds more of all rows, a shorter one is told: of a file of three hours, one."""
SHORTEST = 1 / 48  # half an hour to either side


@dataclass(frozen=True)
class Trait:
    """One feature of one segment, compared with all rows.

    ``effect_size`` is 0 to 1 and comparable between features; ``contrast`` is the feature's own
    measure of difference.
    """

    feature: str
    phrase: str
    value: float
    overall_value: float
    effect_size: float
    effect_measure: str
    contrast: float
    contrast_measure: str
    sentence: str


class Explained:
    """How well feature columns tell membership of a segment: R squared of least squares.

    Its root is one effect size for every kind of feature: the point-biserial correlation for one
    number, the circular-linear correlation for sine and cosine, Cramér's V for one-hot columns.
    Products and sums of columns are taken once, for all segments and all choices of columns.

    Parameters
    ----------
    groups : ``(n,)`` which of ``size`` segments each row is in.

    Source: Cohen, Statistical Power Analysis (1988), chapter 9; Mardia & Jupp, Directional
    Statistics (2000), section 11.2.
    """

    def __init__(self, blocks: Sequence[Block], groups: Labels, size: int) -> None:
        self._moments = moments(blocks)
        self._sums = np.hstack([block.sums_by(groups, size) for block in blocks])
        self._members = np.bincount(groups, minlength=size)

    def of(self, segment: int) -> Membership:
        """The same for one segment, by its number in ``groups``."""
        members, found = int(self._members[segment]), self._moments
        return Membership(
            found.products,
            self._sums[segment] - members * found.means,
            members * (1.0 - members / found.n),
        )


@dataclass(frozen=True)
class Membership:
    """Products of the feature columns with each other and with membership of one segment."""

    spread: Floats
    covariance: Floats
    total: float

    def share(self, columns: Sequence[int]) -> float:
        """R squared of membership on the columns of these numbers; 0 where all or none are in."""
        if self.total == 0.0:
            return 0.0
        chosen = list(columns)
        covariance = self.covariance[chosen]
        inverse = np.linalg.pinv(self.spread[np.ix_(chosen, chosen)], hermitian=True, rcond=1e-10)
        return min(max(float(covariance @ inverse @ covariance) / self.total, 0.0), 1.0)


def varies(block: Block) -> bool:
    """Whether the rows differ in a feature at all: of a constant there is nothing to tell."""
    cells = block.cells
    if isinstance(cells, np.ndarray):
        return bool((np.ptp(cells, axis=0) > NO_SPREAD).any())
    spread = cells.max(axis=0).toarray() - cells.min(axis=0).toarray()
    return bool((spread > NO_SPREAD).any())


def describe_trait(block: Block, inside: Mask, noun: str, effect: float) -> Trait:
    """Compare one feature of the rows where ``inside`` with all rows.

    ``effect`` is the root of the share that the feature explains (``Membership``).
    """
    kind, feature = block.feature.kind, block.feature.name
    describe = {"cycle": _cycle, "share": _share}.get(kind, _number)
    phrase, value, overall, contrast, sentence = describe(block, inside, noun)
    return Trait(
        feature, phrase, value, overall, effect, MEASURES[kind], contrast, CONTRASTS[kind], sentence
    )


def _cycle(block: Block, inside: Mask, noun: str) -> tuple[str, float, float, float, str]:
    part = block.feature.part
    period = PERIODS[part]
    centre, length = _circular_mean(block.values[inside].mean(axis=0), period)
    overall, _ = _circular_mean(block.sums / block.n, period)
    reach = WINDOW_SHARE
    near = within(block, centre / period, reach)
    while part == "hour" and near.mean() > TELLS_NOTHING and reach > SHORTEST:
        reach /= 2
        near = within(block, centre / period, reach)
    first = place_in_cycle(part, (centre - period * reach) % period)
    last = place_in_cycle(part, (centre + period * reach) % period)
    sentence = (
        f"centred on {place_in_cycle(part, centre)}: {near[inside].mean():.0%} fall between "
        f"{first} and {last}, where {near.mean():.0%} of all {noun} do"
    )
    return time_phrase(block, inside, centre), centre, overall, length, sentence


def _circular_mean(mean: Floats, period: float) -> tuple[float, float]:
    """Mean direction in units of ``period``, and mean resultant length (0 spread, 1 one point).

    ``mean`` is the mean sine and cosine.
    """
    sine, cosine = mean
    turn = float(np.arctan2(sine, cosine) / (2 * np.pi)) % 1.0
    return turn * period % period, float(np.hypot(sine, cosine))


def _number(block: Block, inside: Mask, noun: str) -> tuple[str, float, float, float, str]:
    values, feature = block.values[:, 0], block.feature.name
    typical, overall = float(np.exp(values[inside].mean())), float(np.exp(values.mean()))
    difference = standardized_difference(values, inside)
    sentence = f"{feature} typically {typical:,.2f}, of all {noun} {overall:,.2f}"
    return number_phrase(block, inside), typical, overall, difference, sentence


def standardized_difference(values: Floats, inside: Mask) -> float:
    """Cohen's d of the rows inside against the rows outside; 0 without spread or outside rows.

    Source: Cohen, Statistical Power Analysis (1988), section 2.2.
    """
    a, b = values[inside], values[~inside]
    if not len(a) or not len(b):
        return 0.0
    pooled = np.sqrt((a.var() * len(a) + b.var() * len(b)) / max(len(a) + len(b) - 2, 1))
    return float((a.mean() - b.mean()) / pooled) if pooled > 1e-12 else 0.0


def _share(block: Block, inside: Mask, noun: str) -> tuple[str, float, float, float, str]:
    """The value that the segment has most more of than all rows; else that it has most less of."""
    mean = np.asarray(block.cells[np.flatnonzero(inside)].mean(axis=0)).ravel()
    overall = block.sums / block.n
    more = mean - overall
    top = int(np.argmax(more) if (more > 0).any() else np.argmin(more))
    value = block.columns[top].partition("=")[2]
    ratio = float(mean[top] / overall[top]) if overall[top] > 0 else 1.0
    only = "" if more[top] > 0 else "only "
    sentence = (
        f"{spell(block.feature.name, value)} makes up {only}{mean[top]:.0%}, "
        f"of all {noun} {overall[top]:.0%}"
    )
    phrase = share_phrase(value, float(mean[top]), float(overall[top]))
    return phrase, float(mean[top]), float(overall[top]), ratio, sentence
