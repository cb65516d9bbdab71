"""What to know of each segment of one night before relying on it.

What belongs here: from a night's entities and segments to measures and findings. What does not: the
measures (``ecorse.segments.structure``) and the rules (``ecorse.segments.findings``).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ecorse.features.blocks import Floats
from ecorse.models.declaration import Declaration
from ecorse.models.space import FeatureSpace
from ecorse.segments.findings import Known, findings_of
from ecorse.segments.meaning import Segment
from ecorse.segments.structure import valleys
from ecorse.segments.traits import varies
from ecorse.training.segmentation_labels import NOISE_ID, Applied


def judged(
    declaration: Declaration, space: FeatureSpace, applied: Applied, segments: Sequence[Segment]
) -> list[tuple[float | None, str]]:
    """How full it is around each segment, and what to know of it. Noise is no segment."""
    head, noun = declaration.file.segmentation, declaration.file.entity.noun
    real = [number for number, s in enumerate(segments) if s.segment_id != NOISE_ID]
    around: Floats | None = None
    if applied.model.names() is None:
        given = np.array([segments[number].segment_id for number in real], dtype=np.int64)
        groups = np.searchsorted(given, applied.ids)
        groups[applied.ids == NOISE_ID] = -1
        around = valleys(applied.blocks, groups, len(real), head.seed)
    known = Known(
        space.n,
        noun,
        around,
        applied.model.why_degenerate(),
        not any(varies(block) for block in applied.blocks),
    )
    found = findings_of([segments[number] for number in real], known, head)
    judged: list[tuple[float | None, str]] = [(None, "")] * len(segments)
    for place, number in enumerate(real):
        valley = None if around is None or np.isnan(around[place]) else float(around[place])
        judged[number] = (valley, found[place])
    return judged
