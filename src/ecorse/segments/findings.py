"""What to know before relying on a segment: too few, too large, no gap, nothing to say of it.

What belongs here: the rules, and their plain words. What does not: the measures (``structure``,
``claims``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ecorse.features.blocks import Floats
from ecorse.models.segmentation_file import SegmentationHead
from ecorse.segments.meaning import Segment

SMALL = "It is small"  # how a finding tells that a segment is below the smallest share
NO_GAP = (
    "It goes over into its nearest neighbour without a gap: what is said of it is where the line "
    "was drawn, and who is near the line could be in either."
)
FULL = 0.75  # half way between two groups that stand apart it is emptier than this


@dataclass(frozen=True)
class Known:
    """What is known of a whole segmentation.

    Attributes
    ----------
    valleys : ``(n_segments,)`` of ``structure.valleys``; ``None`` for segments by a rule.
    why_degenerate : ``Segmentation.why_degenerate``; empty where there was enough to choose from.
    is_alike : all rows are the same in every feature.
    """

    n: int
    noun: str
    valleys: Floats | None
    why_degenerate: str
    is_alike: bool


def findings_of(segments: Sequence[Segment], known: Known, head: SegmentationHead) -> list[str]:
    """What to know of each segment, in sentences; empty where there is nothing.

    A segmentation by a rule is told of its size only: its segments are what was declared.
    """
    common = _of_all(segments, known, head)
    return [
        " ".join([*common, *_of_one(segment, number, known, head)]) if segment.members else ""
        for number, segment in enumerate(segments)
    ]


def _of_all(segments: Sequence[Segment], known: Known, head: SegmentationHead) -> list[str]:
    if known.is_alike:
        return [f"All {known.noun} are alike in every feature: there is nothing to part them by."]
    if known.n < head.least_rows:
        return [
            f"There are {known.n:,} {known.noun} in all, fewer than {head.least_rows}: too few to "
            "tell groups from chance."
        ]
    if known.why_degenerate:
        why = known.why_degenerate[0].upper() + known.why_degenerate[1:]
        return [f"{why}. The segments say little."]
    if known.valleys is None:
        return []
    if has_no_structure(known.valleys):
        return [
            f"No structure was found: the {known.noun} are one crowd without gaps, and these "
            "segments are cuts through it."
        ]
    return []


def has_no_structure(valleys: Floats) -> bool:
    """Whether no segment stands apart from its neighbour; one segment alone has none."""
    measured = valleys[np.isfinite(valleys)]
    return bool((measured >= FULL).all())


def _of_one(segment: Segment, number: int, known: Known, head: SegmentationHead) -> list[str]:
    noun, told = known.noun, []
    if segment.is_old_name:
        told.append("Its name is of an earlier night; of tonight's members it is not true.")
    if known.valleys is None:
        return told
    valley = known.valleys[number]
    if not has_no_structure(known.valleys) and np.isfinite(valley) and valley >= FULL:
        told.append(NO_GAP)
    if segment.share < head.smallest_share:
        told.append(f"{SMALL}: {segment.members:,} {noun}.")
    if head.largest_share < segment.share < 1.0:
        told.append(f"Nearly all {noun} are in it, so that it sets little apart.")
    if segment.share < 1.0 and not segment.named_by:
        told.append("Nothing is true of most of its members and untrue of most others.")
    return told
