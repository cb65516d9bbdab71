"""What a segmentation keeps from night to night: the model, ids and names, and its inputs.

What belongs here: the file of a published segmentation, written and read. What does not: the zip
itself (``envelope``), where it is kept (``artifacts``).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ecorse.evaluate.drift import reference_histograms
from ecorse.features.blocks import Block
from ecorse.models.base import Champion, Segmentation
from ecorse.models.declaration import Declaration
from ecorse.models.segmentation_file import WORDINGS, Feature, SegmentationFile
from ecorse.segments.meaning import Segment
from ecorse.training.envelope import pack, unpack


@dataclass(frozen=True)
class Published:
    """What the champion's file says beside the model: ids, names, and the inputs it was made of.

    ``features`` are those of its night, ``until`` the last times of its lines; a file of before
    they were kept has none.
    """

    model: Segmentation
    id_of_label: Mapping[int, int]
    next_id: int
    segments: Mapping[int, Mapping[str, Any]]
    references: Mapping[str, Mapping[str, Any]]
    declared: str
    features: tuple[Feature, ...] = ()
    until: Mapping[str, str] = field(default_factory=dict)


def published_of(champion: Champion, declaration: Declaration) -> Published:
    """Read the champion's file.

    Raises
    ------
    ModelRejected
        It cannot be read.
    """
    facts, files = unpack(champion.artifact)
    model_class = declaration.model_class()
    model = model_class.load(files, declaration.configure(model_class))
    return Published(
        model=model,
        id_of_label={int(label): int(i) for label, i in facts["id_of_label"].items()},
        next_id=facts["next_segment_id"],
        segments={int(s["segment_id"]): s for s in facts["segments"]},
        references=facts["references"],
        declared=facts.get("declared", ""),
        features=tuple(Feature(**feature) for feature in facts.get("features", ())),
        until=facts.get("until", {}),
    )


def declared_hash(declaration: Declaration) -> str:
    """sha256 of what a declaration makes segments of: class, inputs, features, parameters, search.

    What a feature is called and told in is left out, for it changes no label.
    """
    file: SegmentationFile = declaration.file
    said = [
        file.model.class_,
        dict(file.inputs),
        [feature.model_dump(exclude=WORDINGS) for feature in file.features],
        file.parameters,
        file.search.model_dump() if file.search else None,
    ]
    return hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()


def packed(
    model: Segmentation,
    blocks: Sequence[Block],
    segments: Sequence[Segment],
    id_of_label: Mapping[int, int],
    next_id: int,
    declared: str,
    until: Mapping[str, str],
) -> bytes:
    """The file of a fitted model, its segments, and the inputs that later nights are held to."""
    facts = {
        "segments": [segment.kept() for segment in segments],
        "id_of_label": id_of_label,
        "next_segment_id": next_id,
        "references": reference_histograms(blocks),
        "declared": declared,
        "until": until,
        "features": [block.feature.model_dump() for block in blocks],
    }
    return pack(facts, model.dump())
