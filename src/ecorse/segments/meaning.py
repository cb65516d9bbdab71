"""Names and sentences of segments, by rule from the traits that set them apart.

What belongs here: which traits name a segment, unique names, names that survive a retrain. What
does not: effect sizes and the words of one trait (``traits``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ecorse.features.blocks import Block, Labels
from ecorse.models.declaration import Naming
from ecorse.segments.phrases import Mask
from ecorse.segments.traits import Explained, Membership, Trait, describe_trait, varies

TOLD_EFFECT = 0.005
"""An effect that is written 0.00 is none."""


@dataclass(frozen=True)
class Segment:
    """One segment: identity, size, name, meaning and its traits, strongest first.

    ``named_by`` are the traits that set it apart, the one that tells most first; those with a
    phrase name it. ``leading`` is the phrase on which the name rests: the name stays while that
    phrase is among them.
    """

    segment_id: int
    members: int
    share: float
    traits: tuple[Trait, ...] = ()
    named_by: tuple[Trait, ...] = ()
    name: str = ""
    leading: str = ""
    meaning: str = ""

    @property
    def phrases(self) -> list[str]:
        """What may stand in its name, the one that tells most first."""
        return [trait.phrase for trait in self.named_by if trait.phrase]


def naming_traits(
    membership: Membership,
    columns: Mapping[str, Sequence[int]],
    traits: Sequence[Trait],
    least: float,
) -> list[Trait]:
    """Traits in the order in which they add to what the ones before already tell.

    Forward selection on R squared: a category that only repeats the price comes late. A trait needs
    an effect size of ``least``, alone and on top of the ones before. ``columns`` are the numbers
    of each feature's columns.

    Source: Cohen, Cohen, West & Aiken, Applied Multiple Regression (2003), section 5.3.
    """
    by_name = {trait.feature: trait for trait in traits}
    waiting = [name for name in columns if by_name[name].effect_size >= least]
    chosen: list[Trait] = []
    used: list[int] = []
    told = 0.0
    while waiting:
        gains = {name: membership.share([*used, *columns[name]]) - told for name in waiting}
        best = max(gains, key=lambda name: gains[name])
        if gains[best] < least**2:
            break
        told += gains[best]
        used += columns[best]
        waiting.remove(best)
        chosen.append(by_name[best])
    return chosen


def describe_segments(
    blocks: Sequence[Block],
    ids: Labels,
    segment_ids: Sequence[int],
    noun: str,
    naming: Naming,
    previous: Mapping[int, Mapping[str, Any]],
    *,
    given: Mapping[int, str] | None = None,
    keep_names: bool = False,
) -> list[Segment]:
    """Name and explain every segment, in the order of ``segment_ids``, which ascend.

    Parameters
    ----------
    ids : segment id of each row, ``(n,)``.
    previous : yesterday's ``name`` and ``leading`` by segment id. A name stays while its leading
        phrase still sets the segment apart, and always with ``keep_names`` (a held model).
    given : names that the model gives itself, by segment id.

    Names are unique.
    """
    given = given or {}
    groups = np.searchsorted(segment_ids, ids)
    explained = Explained(blocks, groups, len(segment_ids))
    columns = _column_numbers(blocks)
    segments = [
        _measure(blocks, columns, explained.of(number), groups == number, segment_id, noun, naming)
        for number, segment_id in enumerate(segment_ids)
    ]
    names: dict[int, Mapping[str, Any]] = {
        segment_id: {"name": name, "leading": ""} for segment_id, name in given.items()
    }
    for segment in segments:
        known = previous.get(segment.segment_id)
        if segment.segment_id in given or not known:
            continue
        if keep_names or _still_holds(segment, known["leading"]):
            names[segment.segment_id] = known
    order = {block.feature.name: place for place, block in enumerate(blocks)}
    drafts = {s.segment_id: _words(s, naming.max_traits, order, noun) for s in segments}
    for segment in segments:
        if segment.segment_id not in names:
            rivals = {str(entry["name"]) for entry in names.values()}
            rivals |= {_join(w) for key, w in drafts.items() if key != segment.segment_id}
            taken = {str(entry["name"]) for entry in names.values()}
            names[segment.segment_id] = {
                "name": _unique_name(segment, drafts[segment.segment_id], rivals, taken),
                "leading": next(iter(segment.phrases), ""),
            }
    return [
        replace(
            segment,
            name=names[segment.segment_id]["name"],
            leading=names[segment.segment_id]["leading"],
            meaning=_meaning(segment, noun),
        )
        for segment in segments
    ]


def _measure(
    blocks: Sequence[Block],
    columns: Mapping[str, Sequence[int]],
    membership: Membership,
    inside: Mask,
    segment_id: int,
    noun: str,
    naming: Naming,
) -> Segment:
    if not inside.any():
        return Segment(segment_id, 0, 0.0)
    traits = [
        describe_trait(
            block, inside, noun, float(np.sqrt(membership.share(columns[block.feature.name])))
        )
        for block in blocks
        if block.feature.name in columns
    ]
    traits.sort(key=lambda trait: -trait.effect_size)
    named_by = naming_traits(membership, columns, traits, naming.min_effect)
    share = float(inside.mean())
    return Segment(segment_id, int(inside.sum()), share, tuple(traits), tuple(named_by))


def _column_numbers(blocks: Sequence[Block]) -> dict[str, list[int]]:
    """The numbers of each feature's columns, with all blocks side by side; constants are out."""
    ends = np.cumsum([0, *(len(block.columns) for block in blocks)])
    return {
        block.feature.name: list(range(int(start), int(end)))
        for block, start, end in zip(blocks, ends[:-1], ends[1:], strict=True)
        if varies(block)
    }


def _still_holds(segment: Segment, leading: str) -> bool:
    phrases = segment.phrases
    return leading in phrases or (not leading and not phrases) or not segment.members


def _words(segment: Segment, most: int, order: Mapping[str, int], noun: str) -> list[str]:
    """The phrases of a name, in the order in which the declaration lists the features."""
    if segment.share == 1.0:
        return [f"all {noun}"]
    phrased = [trait for trait in segment.named_by if trait.phrase]
    chosen = sorted(phrased[:most], key=lambda trait: order[trait.feature])
    return [trait.phrase for trait in chosen] or [f"mixed {noun}"]


def _unique_name(segment: Segment, words: list[str], rivals: set[str], taken: set[str]) -> str:
    """Lengthen a name by the next traits while it clashes; at last by the segment's number."""
    spare = [t.phrase for t in segment.traits if t.phrase and t.phrase not in words]
    longer = list(words)
    while _join(longer) in rivals and spare:
        longer.append(spare.pop(0))
    name = _join(longer)
    return f"{_join(words)} (segment {segment.segment_id})" if name in taken else name


def _join(words: Sequence[str]) -> str:
    text = ", ".join(words)
    return text[:1].upper() + text[1:]


def _meaning(segment: Segment, noun: str) -> str:
    if not segment.members:
        return f"No {noun} today."
    told = segment.named_by or [t for t in segment.traits[:1] if t.effect_size >= TOLD_EFFECT]
    facts = "; ".join(f"{trait.sentence} (effect {trait.effect_size:.2f})" for trait in told)
    if not told:
        facts = "nothing sets it apart"
    elif not segment.named_by:
        facts = f"no trait sets it clearly apart; the strongest: {facts}"
    return f"{segment.share:.0%} of all {noun}. {facts[:1].upper()}{facts[1:]}."
