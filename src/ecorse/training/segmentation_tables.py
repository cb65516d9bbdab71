"""The tables of one night of one segmentation of one shop.

What belongs here: rows of labels, points, segments, traits, a model's own tables and its figures.
What does not: their columns (``ecorse.segments.results``), labels and decision (``segmentation``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from ecorse.features.blocks import PART_ROWS, Floats, Labels
from ecorse.models.base import Blocks
from ecorse.models.declaration import Declaration, SegmentationFile
from ecorse.models.relation import Relation
from ecorse.models.space import FeatureSpace
from ecorse.segments.findings import Known, findings_of
from ecorse.segments.meaning import Segment
from ecorse.segments.results import LABELS, POINTS, SEGMENT_TRAITS, SEGMENTATION_FEATURES, SEGMENTS
from ecorse.segments.silhouette import sample_rows
from ecorse.segments.structure import valleys
from ecorse.segments.traits import varies
from ecorse.training.scores import Score, Timed, score_frame
from ecorse.training.segmentation_labels import NOISE_ID, Applied
from ecorse.training.typed import make_frame


def tables_of(
    declaration: Declaration,
    shop_id: str,
    space: FeatureSpace,
    applied: Applied,
    segments: Sequence[Segment],
) -> dict[str, pl.DataFrame | Blocks]:
    """Every table of the night, by name; many rows come in blocks."""
    file: SegmentationFile = declaration.file
    head, entity = file.segmentation, file.entity
    key = {"shop_id": shop_id, "segmentation": head.name}
    name_of = {segment.segment_id: segment.name for segment in segments}
    # of a million orders a frame of words is held for some thousands at a time
    ids, given = space.lines.ids, applied.ids

    def labelled(rows: slice | Labels) -> pl.DataFrame:
        frame = pl.DataFrame({entity.id: ids[rows].cast(pl.String), "segment_id": given[rows]})
        return frame.with_columns(
            segment_name=pl.col("segment_id").replace_strict(name_of, return_dtype=pl.String),
            **{name: pl.lit(value) for name, value in key.items()},
        )

    def labels() -> Iterator[pl.DataFrame]:
        for start in range(0, len(ids), PART_ROWS):
            yield labelled(slice(start, start + PART_ROWS)).select(
                list(LABELS[entity.name].columns)
            )

    rows = sample_rows(space.n, head.points, head.seed)
    places = applied.model.points(space, rows)
    if places is None:
        rows, places = rows[:0], np.empty((0, 2))
    plotted = labelled(rows).with_columns(pc1=pl.Series(places[:, 0]), pc2=pl.Series(places[:, 1]))
    described: list[dict[str, Any]] = [
        key
        | {
            "segment_id": segment.segment_id,
            "segment_name": segment.name,
            "meaning": segment.meaning,
            "members": segment.members,
            "share": segment.share,
            "leading_trait": segment.leading,
            "is_small": segment.share < head.smallest_share,
            "is_degenerate": applied.model.is_degenerate(),
            "valley": valley,
            "finding": finding or None,
        }
        for segment, (valley, finding) in zip(
            segments, _judged(declaration, space, applied, segments), strict=True
        )
    ]
    traits = [
        key | {"segment_id": segment.segment_id, "trait_rank": rank, **trait.to_row()}
        for segment in segments
        for rank, trait in enumerate(segment.traits, start=1)
    ]
    own = applied.model.diagnose()
    return {
        entity.labels: Blocks(labels),
        entity.points: plotted.select(list(POINTS[entity.name].columns)),
        SEGMENTS.name: make_frame(SEGMENTS, described),
        SEGMENT_TRAITS.name: make_frame(SEGMENT_TRAITS, traits),
        SEGMENTATION_FEATURES.name: make_frame(
            SEGMENTATION_FEATURES, [key | one.to_row() for one in space.told]
        ),
        **{
            spec.name: _diagnosed(spec, key, own.get(spec.name, []))
            for spec in type(applied.model).diagnostics
        },
    }


def _judged(
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
        applied.model.is_degenerate(),
        not any(varies(block) for block in applied.blocks),
    )
    found = findings_of([segments[number] for number in real], known, head)
    judged: list[tuple[float | None, str]] = [(None, "")] * len(segments)
    for place, number in enumerate(real):
        valley = None if around is None or np.isnan(around[place]) else float(around[place])
        judged[number] = (valley, found[place])
    return judged


def _diagnosed(
    spec: Relation, key: dict[str, str], rows: list[dict[str, Any]] | pl.DataFrame
) -> pl.DataFrame:
    """A model's own table with shop and segmentation."""
    if isinstance(rows, pl.DataFrame):
        own = {name: pl.lit(value) for name, value in key.items()}
        return rows.with_columns(**own).select(list(spec.columns))
    return make_frame(spec, [key | row for row in rows])


def scores_of(
    declaration: Declaration,
    shop_id: str,
    metrics: Mapping[str, Any],
    timed: Timed,
) -> pl.DataFrame:
    """The leaderboard's rows: figures of the fit that labels tonight's entities."""
    figures = {
        name: value
        for name, value in metrics.items()
        if isinstance(value, float) and name != "generation"
    }
    scores = [
        Score("all", name, value, cases=metrics["rows"], is_primary=name == "silhouette")
        for name, value in sorted(figures.items())
    ]
    return score_frame(
        declaration, shop_id, declaration.method, scores, is_champion=True, timed=timed
    )
