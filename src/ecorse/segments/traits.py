"""How one feature of a segment differs from all rows: an effect size, and the claim that holds.

A feature that is the same everywhere has no trait.

What belongs here: effect sizes, and the rows of ``segment_traits``. What does not: finding claims
(``claims``) and their words (``claim_words``); choosing names (``meaning``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ecorse.features.blocks import Block, Floats, Labels, Mask, moments
from ecorse.models.segmentation_file import PERIODS
from ecorse.segments.claim_words import of_ten
from ecorse.segments.claims import Claim

MEASURES = {
    "cycle": ("circular-linear correlation", "mean resultant length"),
    "share": ("Cramér's V", "share ratio"),
}
NUMBER_MEASURES = ("point-biserial correlation", "standardized mean difference")
NO_SPREAD = 1e-12


@dataclass(frozen=True)
class Trait:
    """One feature of one segment, compared with all rows, and the claim that holds of it.

    ``effect_size`` is 0 to 1 and comparable between features; ``contrast`` is the feature's own
    measure of difference. Without a claim its columns are ``None`` and the sentence is empty.
    """

    feature: str
    claim: Claim | None
    value: float
    overall_value: float
    effect_size: float
    effect_measure: str
    contrast: float
    contrast_measure: str

    @property
    def is_bare(self) -> bool:
        """Whether its claim has no verb: ``50 pieces or more``, ``kids of 2``."""
        phrase = self.claim.phrase if self.claim else ""
        return phrase[:1].isdigit() or phrase.startswith(f"{self.feature} ")

    @property
    def sentence(self) -> str:
        """The claim with both shares in words."""
        if self.claim is None:
            return ""
        inside, outside = of_ten(self.claim.inside_share), of_ten(self.claim.outside_share)
        phrase = self.claim.phrase
        # "All: 50 pieces or more", "7 of 10: kids of 2"
        return f"{inside}{':' if self.is_bare else ''} {phrase}, of all others {outside}"

    def to_row(self) -> dict[str, Any]:
        """The columns of ``segment_traits``."""
        claim = self.claim
        return {
            "feature": self.feature,
            "claim": claim.phrase if claim else None,
            "test": claim.test if claim else None,
            "threshold_low": claim.low if claim else None,
            "threshold_high": claim.high if claim else None,
            "value_text": claim.value if claim else None,
            "inside_share": claim.inside_share if claim else None,
            "outside_share": claim.outside_share if claim else None,
            "value": self.value,
            "overall_value": self.overall_value,
            "effect_size": self.effect_size,
            "effect_measure": self.effect_measure,
            "contrast": self.contrast,
            "contrast_measure": self.contrast_measure,
            "sentence": self.sentence or None,
        }


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


def describe_trait(block: Block, inside: Mask, effect: float, claim: Claim | None) -> Trait:
    """Compare one feature of the rows where ``inside`` with all rows.

    ``effect`` is the root of the share that the feature explains (``Membership``).
    """
    feature = block.feature
    describe = {"cycle": _cycle, "share": _share}.get(feature.kind, _number)
    value, overall, contrast = describe(block, inside)
    measure, contrasted = MEASURES.get(feature.kind, NUMBER_MEASURES)
    return Trait(feature.name, claim, value, overall, effect, measure, contrast, contrasted)


def _cycle(block: Block, inside: Mask) -> tuple[float, float, float]:
    period = PERIODS[block.feature.part]
    centre, length = _circular_mean(block.values[inside].mean(axis=0), period)
    overall, _ = _circular_mean(block.sums / block.n, period)
    return centre, overall, length


def _circular_mean(mean: Floats, period: float) -> tuple[float, float]:
    """Mean direction in units of ``period``, and mean resultant length (0 spread, 1 one point).

    ``mean`` is the mean sine and cosine.
    """
    sine, cosine = mean
    turn = float(np.arctan2(sine, cosine) / (2 * np.pi)) % 1.0
    return turn * period % period, float(np.hypot(sine, cosine))


def _number(block: Block, inside: Mask) -> tuple[float, float, float]:
    values, feature = block.values[:, 0], block.feature
    typical, overall = float(values[inside].mean()), float(values.mean())
    if feature.kind != "mean":
        typical = float(np.exp(typical)) - feature.plus
        overall = float(np.exp(overall)) - feature.plus
    return typical, overall, standardized_difference(values, inside)


def standardized_difference(values: Floats, inside: Mask) -> float:
    """Cohen's d of the rows inside against the rows outside; 0 without spread or outside rows.

    Source: Cohen, Statistical Power Analysis (1988), section 2.2.
    """
    a, b = values[inside], values[~inside]
    if not len(a) or not len(b):
        return 0.0
    pooled = np.sqrt((a.var() * len(a) + b.var() * len(b)) / max(len(a) + len(b) - 2, 1))
    return float((a.mean() - b.mean()) / pooled) if pooled > 1e-12 else 0.0


def _share(block: Block, inside: Mask) -> tuple[float, float, float]:
    """The value that the segment has most more of than all rows; else that it has most less of."""
    mean = np.asarray(block.cells[np.flatnonzero(inside)].mean(axis=0)).ravel()
    overall = block.sums / block.n
    more = mean - overall
    top = int(np.argmax(more) if (more > 0).any() else np.argmin(more))
    ratio = float(mean[top] / overall[top]) if overall[top] > 0 else 1.0
    return float(mean[top]), float(overall[top]), ratio
