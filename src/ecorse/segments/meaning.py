"""What sets a segment apart, in numbers and in plain words, by rule.

What belongs here: effect sizes, phrases, names and sentences derived from feature blocks. What
does not: any word that is true of one shop only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ecorse.features.orders import PERIODS, Block, Floats
from ecorse.segments.config import Naming
from ecorse.segments.pipeline import Labels

DAYPARTS = ((5, "Night"), (10, "Morning"), (14, "Noon"), (17, "Afternoon"), (22.5, "Evening"))
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
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
WINDOW_SHARE = 1 / 8  # a cycle's window reaches 3 of 24 hours to either side of its centre


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


@dataclass(frozen=True)
class Segment:
    """One segment: identity, size, name, meaning and its traits, strongest first."""

    segment_id: int
    members: int
    share: float
    name: str
    meaning: str
    phrases: tuple[str, ...]
    leading: str
    traits: tuple[Trait, ...]


def explained_share(inside: Floats, columns: Floats) -> float:
    """R squared of the least-squares regression of segment membership on ``columns``.

    Its root is one effect size for every kind of feature: the point-biserial correlation for one
    number, the circular-linear correlation for sine and cosine, Cramér's V for one-hot columns.

    Source: Cohen, Statistical Power Analysis (1988), chapter 9; Mardia & Jupp, Directional
    Statistics (2000), section 11.2.
    """
    centred = columns - columns.mean(axis=0)
    membership = inside - inside.mean()
    total = float(membership @ membership)
    if total == 0.0:
        return 0.0
    covariance = centred.T @ membership
    spread = centred.T @ centred
    explained = float(covariance @ np.linalg.pinv(spread, hermitian=True, rcond=1e-10) @ covariance)
    return min(max(explained / total, 0.0), 1.0)


def describe_trait(block: Block, inside: Labels, noun: str) -> Trait:
    """Compare one feature of the rows where ``inside`` with all rows."""
    kind, feature = block.feature.kind, block.feature.name
    describe = {"cycle": _cycle, "share": _share}.get(kind, _number)
    phrase, value, overall, contrast, sentence = describe(block, inside, noun)
    effect = float(np.sqrt(explained_share(inside.astype(float), block.values)))
    return Trait(
        feature, phrase, value, overall, effect, MEASURES[kind], contrast, CONTRASTS[kind], sentence
    )


def _cycle(block: Block, inside: Labels, noun: str) -> tuple[str, float, float, float, str]:
    part = block.feature.part
    period = PERIODS[part]
    centre, length = _circular_mean(block.values[inside], period)
    overall, _ = _circular_mean(block.values, period)
    position = np.arctan2(block.values[:, 0], block.values[:, 1]) / (2 * np.pi) * period
    distance = np.abs((position - centre + period / 2) % period - period / 2)
    within = distance <= period * WINDOW_SHARE
    label, phrase = _place_in_cycle(part, centre)
    first, _ = _place_in_cycle(part, (centre - period * WINDOW_SHARE) % period)
    last, _ = _place_in_cycle(part, (centre + period * WINDOW_SHARE) % period)
    sentence = (
        f"centred on {label}: {within[inside].mean():.0%} fall between {first} and {last}, "
        f"where {within.mean():.0%} of all {noun} do"
    )
    return phrase, centre, overall, length, sentence


def _circular_mean(values: Floats, period: float) -> tuple[float, float]:
    """Mean direction in units of ``period``, and mean resultant length (0 spread, 1 one point)."""
    sine, cosine = values.mean(axis=0)
    turn = float(np.arctan2(sine, cosine) / (2 * np.pi)) % 1.0
    return turn * period % period, float(np.hypot(sine, cosine))


def _place_in_cycle(part: str, position: float) -> tuple[str, str]:
    """How a position is written, and the word that may name a segment."""
    if part == "hour":
        minutes = round(position * 60) % 1440
        daypart = next((name for end, name in DAYPARTS if position < end), "Night")
        return f"{minutes // 60:02d}:{minutes % 60:02d}", daypart
    names = WEEKDAYS if part == "weekday" else MONTHS
    name = names[round(position) % len(names)]
    return name, f"around {name}"


def _number(block: Block, inside: Labels, noun: str) -> tuple[str, float, float, float, str]:
    values, feature = block.values[:, 0], block.feature.name
    typical, overall = float(np.exp(values[inside].mean())), float(np.exp(values.mean()))
    difference = standardized_difference(values, inside)
    phrase = f"{'high' if difference > 0 else 'low'} {feature}"
    sentence = f"{feature} typically {typical:,.2f}, of all {noun} {overall:,.2f}"
    return phrase, typical, overall, difference, sentence


def standardized_difference(values: Floats, inside: Labels) -> float:
    """Cohen's d of the rows inside against the rows outside; 0 without spread or outside rows.

    Source: Cohen, Statistical Power Analysis (1988), section 2.2.
    """
    a, b = values[inside], values[~inside]
    if not len(a) or not len(b):
        return 0.0
    pooled = np.sqrt((a.var() * len(a) + b.var() * len(b)) / max(len(a) + len(b) - 2, 1))
    return float((a.mean() - b.mean()) / pooled) if pooled > 1e-12 else 0.0


def _share(block: Block, inside: Labels, noun: str) -> tuple[str, float, float, float, str]:
    mean, overall = block.values[inside].mean(axis=0), block.values.mean(axis=0)
    top = int(np.argmax(mean - overall))
    value = block.columns[top].partition("=")[2]
    ratio = float(mean[top] / overall[top]) if overall[top] > 0 else 1.0
    sentence = f"{value or 'unknown'} makes up {mean[top]:.0%}, of all {noun} {overall[top]:.0%}"
    return value, float(mean[top]), float(overall[top]), ratio, sentence


def naming_traits(blocks: Sequence[Block], inside: Labels, traits: Sequence[Trait], least: float) -> list[Trait]:
    """Traits in the order in which they add to what the ones before already tell.

    Forward selection on R squared: a category that only repeats the price comes late. A trait needs
    an effect size of ``least``, alone and on top of the ones before.
    """
    by_name = {trait.feature: trait for trait in traits}
    open_blocks = {b.feature.name: b for b in blocks if by_name[b.feature.name].effect_size >= least}
    chosen: list[Trait] = []
    columns: list[Floats] = []
    known, membership = 0.0, inside.astype(float)
    while open_blocks:
        gains = {
            name: explained_share(membership, np.hstack([*columns, block.values])) - known
            for name, block in open_blocks.items()
        }
        best = max(gains, key=lambda name: gains[name])
        if gains[best] < least**2:
            break
        known += gains[best]
        columns.append(open_blocks.pop(best).values)
        chosen.append(by_name[best])
    return chosen


def describe_segments(
    blocks: Sequence[Block],
    labels: Labels,
    segment_ids: Sequence[int],
    noun: str,
    naming: Naming,
    previous: Mapping[int, Mapping[str, Any]],
) -> list[Segment]:
    """Name and explain every segment; ``previous`` holds yesterday's segments by id.

    Yesterday's name stays while the trait that led it still names the segment. Names are unique.
    """
    drafts = []
    for cluster, segment_id in enumerate(segment_ids):
        inside = labels == cluster
        if not inside.any():
            drafts.append((segment_id, inside, (), ()))
            continue
        traits = [describe_trait(block, inside, noun) for block in blocks]
        traits.sort(key=lambda trait: -trait.effect_size)
        drafts.append(
            (segment_id, inside, tuple(traits), naming_traits(blocks, inside, traits, naming.min_effect))
        )
    order = {block.feature.name: place for place, block in enumerate(blocks)}
    names = _unique_names(
        {d[0]: sorted(d[3][: naming.max_traits], key=lambda t: order[t.feature]) for d in drafts},
        {d[0]: d[2] for d in drafts},
        {d[0]: tuple(t.phrase for t in d[3]) for d in drafts},
        previous,
        noun,
    )
    segments = []
    for segment_id, inside, traits, named in drafts:
        share = float(inside.mean()) if len(inside) else 0.0
        kept = names[segment_id] == previous.get(segment_id, {}).get("name")
        leading = named[0].phrase if named else ""
        segments.append(
            Segment(
                segment_id=segment_id,
                members=int(inside.sum()),
                share=share,
                name=names[segment_id],
                meaning=_meaning(share, noun, traits, named),
                phrases=tuple(t.phrase for t in named),
                leading=previous[segment_id]["leading"] if kept else leading,
                traits=tuple(traits),
            )
        )
    return segments


def _unique_names(
    named: Mapping[int, Sequence[Trait]],
    traits: Mapping[int, Sequence[Trait]],
    phrases: Mapping[int, Sequence[str]],
    previous: Mapping[int, Mapping[str, Any]],
    noun: str,
) -> dict[int, str]:
    """One name per segment: yesterday's where its lead still holds, else from the traits."""
    names: dict[int, str] = {}
    for segment_id in named:
        before = previous.get(segment_id)
        if before and (before["leading"] in phrases[segment_id] or not phrases[segment_id]):
            names[segment_id] = before["name"]
    for segment_id, chosen in named.items():
        if segment_id in names:
            continue
        words = [trait.phrase for trait in chosen if trait.phrase] or [f"Mixed {noun}"]
        spare = [t.phrase for t in traits[segment_id] if t.phrase and t.phrase not in words]
        rivals = set(names.values()) | {
            _join([t.phrase for t in other]) for key, other in named.items() if key != segment_id
        }
        while _join(words) in rivals and spare:
            words.append(spare.pop(0))
        name = _join(words)
        taken = set(names.values())
        names[segment_id] = f"{name} (segment {segment_id})" if name in taken else name
    return names


def _join(words: Sequence[str]) -> str:
    text = ", ".join(words)
    return text[:1].upper() + text[1:]


def _meaning(share: float, noun: str, traits: Sequence[Trait], named: Sequence[Trait]) -> str:
    if not traits:
        return f"No {noun} today."
    told = list(named) or list(traits[:1])
    facts = "; ".join(f"{t.sentence} (effect {t.effect_size:.2f})" for t in told)
    if not named:
        facts = f"no trait sets it clearly apart; the strongest: {facts}"
    return f"{share:.0%} of all {noun}. {facts[:1].upper()}{facts[1:]}."
