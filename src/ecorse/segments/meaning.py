"""Names and sentences of segments, by rule from the claims that hold of them.

What belongs here: which claims name a segment, unique names, names that survive a retrain. What
does not: whether a claim holds (``claims``), effect sizes (``traits``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ecorse.features.blocks import Block, Labels, Mask
from ecorse.models.segmentation_file import Naming
from ecorse.models.space import FeatureSpace
from ecorse.segments.claim_words import about_share, joined
from ecorse.segments.claims import Claims
from ecorse.segments.traits import Explained, Membership, Trait, describe_trait, varies

NO_CLAIM = "No clear difference"


@dataclass(frozen=True)
class Segment:
    """One segment: identity, size, name, meaning and its traits, strongest first.

    ``named_by`` are the traits whose claims tell it apart, the one that tells most first. ``names``
    are the features whose claims stand in its name: the name stays while all of them hold.
    """

    segment_id: int
    members: int
    share: float
    traits: tuple[Trait, ...] = ()
    named_by: tuple[Trait, ...] = ()
    name: str = ""
    names: tuple[str, ...] = ()
    meaning: str = ""
    is_old_name: bool = False

    @property
    def leading(self) -> str:
        """The claim that tells most of those in its name."""
        claims = [t.claim for t in self.named_by if t.feature in self.names]
        return next((claim.phrase for claim in claims if claim), "")

    def kept(self) -> dict[str, Any]:
        """What the model's file says of it, for the nights to come; JSON-ready."""
        return {
            "segment_id": self.segment_id,
            "name": self.name,
            "names": list(self.names),
            "claims": [trait.claim.kept() for trait in self.traits if trait.claim],
        }


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
    space: FeatureSpace,
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
    previous : what was kept of yesterday's segments, by segment id. A claim stays while it holds,
        and a name while its claims do, or always with ``keep_names`` (a held model).
    given : names that the model gives itself, by segment id.

    Names are unique.
    """
    given = given or {}
    groups = np.searchsorted(segment_ids, ids)
    columns = _column_numbers(blocks)
    telling = [block for block in blocks if block.feature.name in columns]
    explained = Explained(blocks, groups, len(segment_ids))
    claims = Claims(space, telling, groups, len(segment_ids), naming)
    segments = []
    for number, segment_id in enumerate(segment_ids):
        inside = groups == number
        if not inside.any():
            segments.append(Segment(segment_id, 0, 0.0))
            continue
        found = claims.of(number, previous.get(segment_id, {}).get("claims", ()))
        membership = explained.of(number)
        traits = [
            describe_trait(
                block,
                inside,
                float(np.sqrt(membership.share(columns[block.feature.name]))),
                found.get(block.feature.name),
            )
            for block in telling
        ]
        segments.append(_measured(segment_id, inside, traits, membership, columns, naming))
    named = _named(segments, given, previous, keep_names, naming.max_traits, list(columns), noun)
    return [replace(segment, meaning=_meaning(segment, noun)) for segment in named]


def _measured(
    segment_id: int,
    inside: Mask,
    traits: Sequence[Trait],
    membership: Membership,
    columns: Mapping[str, Sequence[int]],
    naming: Naming,
) -> Segment:
    ranked = sorted(traits, key=lambda trait: -trait.effect_size)
    claimed = {trait.feature for trait in ranked if trait.claim}
    able = {name: columns[name] for name in columns if name in claimed}
    named_by = naming_traits(membership, able, ranked, naming.min_effect)
    if not named_by:
        # of a small segment no feature explains much, and yet its claims are true of most of it
        told = sorted((t for t in ranked if t.claim), key=_difference)
        named_by = told[: naming.max_traits]
    return Segment(
        segment_id, int(inside.sum()), float(inside.mean()), tuple(ranked), tuple(named_by)
    )


def _difference(trait: Trait) -> float:
    return -trait.claim.difference if trait.claim else 0.0


def _named(
    segments: Sequence[Segment],
    given: Mapping[int, str],
    previous: Mapping[int, Mapping[str, Any]],
    keep_names: bool,
    most: int,
    order: Sequence[str],
    noun: str,
) -> list[Segment]:
    """Give every segment its name: the model's own, yesterday's, or a new one; all different."""
    done: dict[int, Segment] = {}
    for segment in segments:
        known = previous.get(segment.segment_id)
        if segment.segment_id in given:
            done[segment.segment_id] = replace(segment, name=given[segment.segment_id])
        elif known:
            holds = _still_holds(segment, known)
            if holds or keep_names:
                done[segment.segment_id] = replace(
                    segment,
                    name=str(known["name"]),
                    names=tuple(known.get("names", ())),
                    is_old_name=not holds,
                )
    taken = {segment.name for segment in done.values()}
    waiting = [s for s in segments if s.segment_id not in done]
    drafts = {s.segment_id: _words(s, most, order, noun)[0] for s in waiting}
    for segment in waiting:
        others = {name for key, name in drafts.items() if key != segment.segment_id}
        name, names = _words(segment, most, order, noun)
        longest = len(_nameable(segment))
        for more in range(most + 1, longest + 1):
            if name not in taken | others:
                break
            name, names = _words(segment, more, order, noun)
        if name in taken:
            name = f"{name} (segment {segment.segment_id})"
        taken.add(name)
        done[segment.segment_id] = replace(segment, name=name, names=names)
    return [done[segment.segment_id] for segment in segments]


def _nameable(segment: Segment) -> list[Trait]:
    """The traits that may name it, the one that tells most first; then those that repeat them."""
    spare = [trait for trait in segment.traits if trait not in segment.named_by]
    return [t for t in (*segment.named_by, *spare) if t.claim and t.claim.may_name]


def _words(
    segment: Segment, most: int, order: Sequence[str], noun: str
) -> tuple[str, tuple[str, ...]]:
    """A name of at most so many claims, in the order of the declaration, and their features."""
    if segment.share == 1.0:
        return f"All {noun}", ()
    first = _nameable(segment)[:most]
    if most > len(segment.named_by):
        chosen = first
    else:
        chosen = [trait for trait in first if trait in segment.named_by]
    chosen.sort(key=lambda trait: order.index(trait.feature))
    text = joined((trait.claim.phrase, trait.is_bare) for trait in chosen if trait.claim)
    names = tuple(trait.feature for trait in chosen)
    return (text[:1].upper() + text[1:], names) if text else (NO_CLAIM, ())


def _still_holds(segment: Segment, known: Mapping[str, Any]) -> bool:
    """Whether yesterday's name is true tonight: each of its claims holds, or it made none.

    A file of before names were made of claims says neither which: such a name is given anew.
    """
    if not segment.members:
        return True
    if "names" not in known or "claims" not in known:
        return False
    tonight = {trait.feature: trait.claim.kept() for trait in segment.traits if trait.claim}
    before = {claim["feature"]: claim for claim in known["claims"]}
    names = known["names"]
    if not names:
        return not any(trait.claim and trait.claim.may_name for trait in segment.named_by)
    return all(name in before and tonight.get(name) == before[name] for name in names)


def _meaning(segment: Segment, noun: str) -> str:
    if not segment.members:
        return f"No {noun} today."
    if segment.share == 1.0:
        which = "one" if segment.segment_id else "no"  # 0: whoever is in none
        return f"All {noun} are in {which} segment."
    size = f"{about_share(segment.share)} {noun}"
    told = "; ".join(trait.sentence for trait in segment.named_by)
    if not told:
        told = "nothing is true of most of them and untrue of most others"
    return f"{size[:1].upper()}{size[1:]}. {told[:1].upper()}{told[1:]}."


def _column_numbers(blocks: Sequence[Block]) -> dict[str, list[int]]:
    """The numbers of each feature's columns, with all blocks side by side; constants are out."""
    ends = np.cumsum([0, *(len(block.columns) for block in blocks)])
    return {
        block.feature.name: list(range(int(start), int(end)))
        for block, start, end in zip(blocks, ends[:-1], ends[1:], strict=True)
        if varies(block)
    }
