"""Top sellers of a customer's segment, without what the customer has.

What belongs here: this recommender. What does not: making segments (``ecorse.segments``): they
come as the column ``segment`` of the declared customers.

Source: none but counting; a customer counts once per product, halved per half-life of the age of
the last purchase.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import polars as pl
from pydantic import Field
from scipy import sparse

from ecorse.declared import Table
from ecorse.errors import DataError
from ecorse.models.base import Answer, Recommender, Task
from ecorse.models.interactions import DAY, Interactions, Shape
from ecorse.models.ranked import BLOCK_CELLS, Csr, Floats, Ids, Ranked, stored_in_either, top_k
from ecorse.recommenders import arrays
from ecorse.recommenders.neighbours import BEHIND

COLUMN = "segment"


class SegmentTopConfig(Table):
    """``half_life_days``: after so many days a customer's purchase counts half; 0: all alike.

    A segment of fewer than ``least_customers`` buyers gets everybody's list.
    """

    half_life_days: float = Field(0, ge=0)
    least_customers: int = Field(5, ge=1)


class SegmentTop(Recommender):
    """Scores the share of a segment's buyers who have a product, decayed.

    Behind them comes what nobody of the segment has, by everybody's share. Customers without a
    segment get everybody's. What a customer has is never given.
    """

    config_class = SegmentTopConfig
    config: SegmentTopConfig
    answers: ClassVar = frozenset({"users"})

    names: list[str]  # of the segments; one more row, the last of each matrix, is everybody
    group: npt.NDArray[np.int64]  # (n_users,) the row whose list a customer gets
    scores: Floats  # (segments + 1, n_items) decayed sums
    counts: npt.NDArray[np.int64]  # (segments + 1, n_items) customers who have the item
    sizes: npt.NDArray[np.int64]  # (segments + 1,) customers who have anything
    own: Csr  # (n_users, n_items) what is not given: had, or refused

    def memory_needed(self, shape: Shape) -> int:
        """Bytes of the scores and counts of some 20 segments, and of the histories."""
        return 16 * 20 * shape.items + 24 * shape.rows

    def fit(self, data: Interactions, task: Task, champion: Self | None = None) -> Self:
        """Count customers by segment and product.

        Raises
        ------
        DataError
            The customers have no column ``segment``.
        """
        if COLUMN not in data.users.columns:
            raise DataError(
                f"Input 'customers' has no column {COLUMN}: select shop_id, customer_id and the "
                "segment's name or number in [inputs], null for who has none."
            )
        segments = data.users[COLUMN].cast(pl.String)
        self.names = sorted(set(segments.drop_nulls()))
        everybody = len(self.names)
        number = {name: place for place, name in enumerate(self.names)}
        group = np.array([number.get(name, everybody) for name in segments], dtype=np.int64)
        latest = _latest(data, self.config.half_life_days)
        holds = latest.astype(bool).astype(np.int64)
        is_buyer = np.diff(holds.indptr) > 0
        users = np.arange(len(group))
        ones = np.ones(2 * len(group), np.int64)
        # each customer is of everybody, and of a segment; who is of none is of everybody once
        members = sparse.csr_matrix(
            (ones, (np.concatenate([group, np.full(len(group), everybody)]), np.tile(users, 2))),
            shape=(everybody + 1, len(group)),
        )
        members.data[:] = 1
        self.scores = np.asarray((members @ latest).todense(), dtype=np.float64)
        self.counts = np.asarray((members @ holds).todense())
        self.sizes = np.asarray(members @ is_buyer.astype(np.int64))
        self.group = np.where(self.sizes[group] < self.config.least_customers, everybody, group)
        self.own = stored_in_either(holds, data.refused)
        return self

    def recommend(
        self, users: Ids, k: int, *, seen: Csr | None = None, among: Ids | None = None
    ) -> Ranked:
        """The ``k`` top sellers of each customer's segment that the customer has not."""
        shares = self.scores / np.maximum(self.sizes, 1)[:, None]
        ranked_by = shares + BEHIND * shares[-1]
        found = []
        step = max(1, BLOCK_CELLS // max(1, self.scores.shape[1]))
        for start in range(0, max(1, len(users)), step):
            part = slice(start, start + step)
            block = users[part]
            left_out = stored_in_either(None if seen is None else seen[part], self.own[block])
            found.append(top_k(ranked_by[self.group[block]], k, seen=left_out, among=among))
        return Ranked(
            np.concatenate([part.items for part in found]),
            np.concatenate([part.scores for part in found]),
        )

    def explain(self, rows: Ids, ranked: Ranked, answer: Answer = "users") -> pl.DataFrame:
        """How many of how many customers of the segment have each product, with a sentence."""
        there = ranked.is_there
        group = np.repeat(self.group[rows], there.sum(axis=1))
        items, everybody = ranked.items[there], len(self.names)
        # what nobody of the segment has stands there by everybody's count
        told = np.where(self.counts[group, items] > 0, group, everybody)
        return pl.DataFrame(
            {
                "segment": pl.Series([*self.names, None], dtype=pl.String).gather(told),
                "customers_with": self.counts[told, items],
                "customers": self.sizes[told],
            }
        ).with_columns(
            sentence=pl.format("Bought by {} of {} customers", "customers_with", "customers")
            + pl.when(pl.col("segment").is_null())
            .then(pl.lit(""))
            .otherwise(pl.format(" of {}", "segment"))
        )

    def params(self) -> Mapping[str, Any]:
        """How many buyers the shop and each segment has."""
        *sizes, everybody = self.sizes.tolist()
        return {"customers": everybody, "segments": dict(zip(self.names, sizes, strict=True))}

    def dump(self) -> Mapping[str, bytes]:
        """Counts and what customers have as npy, names as JSON."""
        return {
            **arrays.to_files(
                scores=self.scores,
                counts=self.counts,
                sizes=self.sizes,
                group=self.group,
                own=self.own,
            ),
            "names.json": json.dumps(self.names, ensure_ascii=False).encode(),
        }

    @classmethod
    def load(cls, files: Mapping[str, bytes], config: SegmentTopConfig) -> Self:
        """The model again."""
        made = cls(config)
        made.names = json.loads(files["names.json"])
        for name in ("scores", "counts", "sizes", "group"):
            setattr(made, name, arrays.array(files, name))
        made.own = arrays.matrix(files, "own")
        return made


def _latest(data: Interactions, half_life_days: float) -> Csr:
    """``(n_users, n_items)``: 1 where a customer has an item, halved per half-life of the age."""
    had = data.wanted.drop_nulls("user").group_by("user", "item").agg(pl.col("at").max())
    weights = np.ones(had.height)
    if half_life_days:
        age = had.select(pl.lit(data.rows["at"].max(), pl.Datetime("us")) - pl.col("at"))
        micros = age.to_series().dt.total_microseconds().to_numpy()
        weights = np.power(0.5, micros / (half_life_days * DAY))
    return sparse.csr_matrix(
        (weights, (had["user"].to_numpy(), had["item"].to_numpy())),
        shape=(data.users.height, data.items.height),
    )


RECOMMENDER = SegmentTop
