"""Segments over time: where each entity was before, since when it is where it is, who moved.

What belongs here: pure functions from tonight's labels and those of the published night before.
What does not: which segment of tonight is which of before (``identity``), what became of whole
segments (``events``), reading the night before (``ecorse.training.before``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from ecorse.features.blocks import Labels
from ecorse.segments.label_history import NO_LABELS, LabelHistory

NOBODY = -1
NEW, GONE = "(new)", "(gone)"
PUBLISHED_LABELS: Mapping[str, Any] = {
    "entity": pl.String,
    "segment_id": pl.Int64,
    "previous_segment_id": pl.Int64,
    "previous_segment_name": pl.String,
    "since_date": pl.Date,
}


@dataclass(frozen=True)
class Before:
    """What the published night before said of one segmentation of one shop.

    Attributes
    ----------
    day : last day of its data.
    labels : a row per entity, with the columns of ``PUBLISHED_LABELS``.
    names : name by segment id, of all its segments.
    events : its rows of ``segment_events``, without shop and segmentation.
    next_id : the next segment id that no night has used.
    """

    build_id: int
    day: date
    labels: pl.DataFrame
    names: Mapping[int, str]
    events: pl.DataFrame
    next_id: int = 1
    _asked: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def ids_of(self, entities: pl.Series) -> Labels:
        """The published segment id of each of ``entities`` ``(n,)``; -1 for who was not there.

        A night asks some five times of the same entities: they are looked up once.
        """
        if self._asked.get("entities") is not entities:
            ids = self.of(entities)["segment_id"].fill_null(NOBODY).to_numpy()
            self._asked.update(entities=entities, ids=ids)
        found: Labels = self._asked["ids"]
        return found

    def of(self, entities: pl.Series) -> pl.DataFrame:
        """What was published of each of ``entities``, in their order; nulls for the new."""
        asked = pl.DataFrame({"entity": entities.cast(pl.String)})
        return asked.join(self.labels, on="entity", how="left", maintain_order="left")

    def shares(self) -> dict[int, float]:
        """Share of the entities in each segment."""
        counted = self.labels["segment_id"].value_counts()
        return {i: n / self.labels.height for i, n in counted.sort("segment_id").rows()}


@dataclass(frozen=True)
class Night:
    """On which day of the data a segmentation is made, after which published nights.

    Attributes
    ----------
    before : the published night of an earlier day: who moved is told against it.
    published : what is published now, of whichever day: what stands until it is replaced.
    is_accepted : somebody looked at a jump of this model and shop, and lets it through.
    served : of a recommender, the lists that applications read of it until now.
    labels : of a recommender, the segments of its customers as published nights told them.
    """

    day: date | None = None
    before: Before | None = None
    published: Before | None = None
    is_accepted: bool = False
    served: frozenset[str] = frozenset()
    labels: LabelHistory = NO_LABELS

    def numbers(self) -> dict[str, Any]:
        """What is written down with the decision, for the audit: day, and the build compared."""
        if self.before is None:
            return {}
        day = self.day.isoformat() if self.day is not None else None
        return {"compared_build": self.before.build_id, "night_date": day}


FIRST_NIGHT = Night()


@dataclass(frozen=True)
class History:
    """Of each entity, in their order: previous segment (id and name, or null) and since when."""

    previous_ids: pl.Series
    previous_names: pl.Series
    since: pl.Series


def history_of(entities: pl.Series, ids: Labels, night: Night) -> History:
    """Where each of ``entities`` was before, and the day of the data on which it came here.

    Who stays in a segment keeps what was said the night before; who changes it was in the segment
    of that night until now; who is new was in none. A segment that only got another name is the
    same segment.
    """
    n = len(ids)
    if night.before is None:
        return History(
            pl.Series([None], dtype=pl.Int64).new_from_index(0, n),
            pl.Series([None], dtype=pl.String).new_from_index(0, n),
            pl.Series([night.day], dtype=pl.Date).new_from_index(0, n),
        )
    names = {**night.before.names}
    stays = pl.col("segment_id") == pl.col("now")
    was = night.before.of(entities).with_columns(now=pl.Series(ids))
    told = was.select(
        previous_segment_id=pl.when(stays).then("previous_segment_id").otherwise("segment_id"),
        previous_segment_name=pl.when(stays)
        .then("previous_segment_name")
        .otherwise(
            pl.col("segment_id").replace_strict(names, default=None, return_dtype=pl.String)
        ),
        since_date=pl.when(stays).then("since_date").otherwise(pl.lit(night.day, pl.Date)),
    )
    return History(told["previous_segment_id"], told["previous_segment_name"], told["since_date"])


@dataclass(frozen=True)
class Moves:
    """How many entities went from which segment to which; ``NOBODY`` for the new and the gone."""

    counts: Mapping[tuple[int, int], int] = field(default_factory=dict)

    def between(self, noise: int) -> dict[tuple[int, int], int]:
        """Those from one segment to one: without who is new or gone, or in none."""
        left = {NOBODY, noise}
        return {pair: n for pair, n in self.counts.items() if not left & {*pair}}


def moves_of(entities: pl.Series, ids: Labels, before: Before | None) -> Moves:
    """Count who went where since the night before."""
    if before is None:
        here, counts = np.unique(ids, return_counts=True)
        return Moves({(NOBODY, int(i)): int(n) for i, n in zip(here, counts, strict=True)})
    was, size = before.ids_of(entities), int(ids.max(initial=0)) + 1
    counts = np.bincount((was - NOBODY) * size + ids)  # no id is below NOBODY, and none now is it
    found = {
        (pair // size + NOBODY, pair % size): int(counts[pair])
        for pair in np.flatnonzero(counts).tolist()
    }
    then = dict(before.labels["segment_id"].value_counts().rows())
    for segment_id in sorted(then):
        still = sum(n for (a, _), n in found.items() if a == segment_id)
        if gone := int(then[segment_id]) - still:
            found[segment_id, NOBODY] = gone
    return Moves(dict(sorted(found.items())))


def migration_rows(moves: Moves, names: Mapping[int, str], night: Night) -> list[dict[str, Any]]:
    """Rows of ``segment_migrations`` without shop and segmentation, by segment from and to."""
    before = night.before
    then = {**(before.names if before else {}), NOBODY: NEW}
    now = {**names, NOBODY: GONE}
    left: dict[int, int] = {}
    for (source, _), members in moves.counts.items():
        left[source] = left.get(source, 0) + members
    return [
        {
            "from_segment_id": source,
            "from_segment_name": then[source],
            "to_segment_id": target,
            "to_segment_name": now[target],
            "members": members,
            "share_of_from": members / left[source],
            "is_move": source != target and NOBODY not in (source, target),
            "previous_date": before.day if before else None,
            "night_date": night.day,
        }
        for (source, target), members in sorted(moves.counts.items())
    ]
