"""The tables of one night of one segmentation of one shop.

What belongs here: rows of labels, points, segments, traits, a model's own tables and its figures.
What does not: their columns (``ecorse.segments.results``), labels and decision (``segmentation``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from ecorse.evaluate.drift import Drift
from ecorse.features.blocks import PART_ROWS, Labels
from ecorse.models.base import Blocks
from ecorse.models.declaration import Declaration
from ecorse.models.relation import Relation
from ecorse.models.segmentation_file import SegmentationFile
from ecorse.models.space import FeatureSpace
from ecorse.segments.events import events_of
from ecorse.segments.history import Moves, Night, history_of, migration_rows, moves_of
from ecorse.segments.history_tables import SEGMENT_DRIFT, SEGMENT_EVENTS, SEGMENT_MIGRATIONS
from ecorse.segments.meaning import Segment
from ecorse.segments.results import LABELS, POINTS, SEGMENT_TRAITS, SEGMENTATION_FEATURES, SEGMENTS
from ecorse.segments.silhouette import sample_rows
from ecorse.training.scores import Score, Timed, score_frame
from ecorse.training.segmentation_file import Published
from ecorse.training.segmentation_findings import judged
from ecorse.training.segmentation_labels import NOISE_ID, Applied
from ecorse.training.typed import make_frame


@dataclass(frozen=True)
class Making:
    """One night of one segmentation of one shop, while it is made."""

    declaration: Declaration
    shop_id: str
    space: FeatureSpace
    night: Night
    published: Published | None
    timed: Timed

    @property
    def key(self) -> dict[str, str]:
        """What all its rows begin with."""
        return {"shop_id": self.shop_id, "segmentation": self.declaration.method}


def tables_of(
    made: Making, applied: Applied, segments: Sequence[Segment], drifts: Sequence[Drift]
) -> dict[str, pl.DataFrame | Blocks]:
    """Every table of the night, by name; many rows come in blocks."""
    file: SegmentationFile = made.declaration.file
    head, entity, key, space = file.segmentation, file.entity, made.key, made.space
    name_of = {segment.segment_id: segment.name for segment in segments}
    # of a million orders a frame of words is held for some thousands at a time
    ids, given = space.lines.ids, applied.ids
    history = history_of(ids, given, made.night)

    def labelled(rows: slice | Labels) -> pl.DataFrame:
        frame = pl.DataFrame(
            {
                entity.id: ids[rows].cast(pl.String),
                "segment_id": given[rows],
                "previous_segment_id": history.previous_ids[rows],
                "previous_segment_name": history.previous_names[rows].cast(pl.String),
                "since_date": history.since[rows],
            }
        )
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
    # a group of a rule that nobody is in tonight is still what was declared
    is_by_rule = applied.model.names() is not None
    described: list[dict[str, Any]] = [
        key
        | {
            "segment_id": segment.segment_id,
            "segment_name": segment.name,
            "meaning": segment.meaning,
            "members": segment.members,
            "share": segment.share,
            "leading_trait": segment.leading,
            "is_small": segment.share < head.smallest_share
            and (segment.members > 0 or not is_by_rule),
            "is_degenerate": applied.model.is_degenerate(),
            "valley": valley,
            "finding": finding or None,
        }
        for segment, (valley, finding) in zip(
            segments, judged(made.declaration, space, applied, segments), strict=True
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
        **over_time(key, moves_of(ids, given, made.night.before), name_of, made.night),
        SEGMENT_DRIFT.name: make_frame(SEGMENT_DRIFT, [key | _drift_row(d) for d in drifts]),
        **{
            spec.name: _diagnosed(spec, key, own.get(spec.name, []))
            for spec in type(applied.model).diagnostics
        },
    }


def over_time(
    key: Mapping[str, str], moves: Moves, names: Mapping[int, str], night: Night
) -> dict[str, pl.DataFrame]:
    """Events and migrations of a night, from who went where and the segments' names."""
    events = events_of(moves, names, night, NOISE_ID)
    migrations = migration_rows(moves, names, night)
    return {
        SEGMENT_EVENTS.name: make_frame(SEGMENT_EVENTS, [{**key, **row} for row in events]),
        SEGMENT_MIGRATIONS.name: make_frame(
            SEGMENT_MIGRATIONS, [{**key, **row} for row in migrations]
        ),
    }


def _drift_row(one: Drift) -> dict[str, Any]:
    return {
        "feature": one.feature,
        "compared": one.compared,
        "psi": one.psi,
        "limit_psi": one.limit,
        "is_drifted": one.is_drifted,
    }


def _diagnosed(
    spec: Relation, key: dict[str, str], rows: list[dict[str, Any]] | pl.DataFrame
) -> pl.DataFrame:
    """A model's own table with shop and segmentation."""
    if isinstance(rows, pl.DataFrame):
        own = {name: pl.lit(value) for name, value in key.items()}
        return rows.with_columns(**own).select(list(spec.columns))
    return make_frame(spec, [key | row for row in rows])


def scores_of(made: Making, metrics: Mapping[str, Any]) -> pl.DataFrame:
    """The leaderboard's rows: figures of the fit that labels tonight's entities."""
    figures = {name: value for name, value in metrics.items() if isinstance(value, float)}
    scores = [
        Score("all", name, value, cases=metrics["rows"], is_primary=name == "silhouette")
        for name, value in sorted(figures.items())
    ]
    declaration = made.declaration
    return score_frame(
        declaration,
        made.shop_id,
        declaration.method,
        scores,
        is_champion=True,
        timed=made.timed,
    )
