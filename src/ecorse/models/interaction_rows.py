"""Rows of who did what with which product, of one shop, and what they say.

What belongs here: who said yes and no to what, and baskets with their times. What does not: weights
as matrices, and parts by time (``interactions``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import sparse

from ecorse.models.ranked import Csr

NEVER = np.iinfo(np.int64).max
DAY = 24 * 60 * 60 * 1_000_000  # microseconds
EPOCH = datetime(1970, 1, 1)
ROWS: Mapping[str, Any] = {
    "item": pl.UInt32,
    "user": pl.UInt32,
    "basket": pl.UInt32,
    "at": pl.Datetime("us"),
    "kind": pl.Enum,
    "weight": pl.Float32,
}


@dataclass(frozen=True)
class Shape:
    """How large a problem is, for those who plan memory."""

    users: int
    items: int
    baskets: int
    rows: int


@dataclass(frozen=True)
class Nature:
    """What the rows are: whether the shop's orders or its events, and whether all is bought."""

    source: Literal["orders", "events"] = "orders"
    is_bought: bool = True

    @property
    def baskets(self) -> str:
        """The word for baskets."""
        return "orders" if self.source == "orders" else "visits"


class InteractionRows:
    """The rows of ``Interactions``, which see."""

    def __init__(
        self,
        items: pl.DataFrame,
        users: pl.DataFrame,
        rows: pl.DataFrame | Callable[[], pl.DataFrame],
    ) -> None:
        self.items = items
        self.users = users
        self._rows = rows

    @property
    def rows(self) -> pl.DataFrame:
        """The interactions; of a part (``split``) they are taken out when first asked for."""
        if callable(self._rows):
            self._rows = self._rows()
        return self._rows

    @cached_property
    def n_baskets(self) -> int:
        """How many baskets have rows."""
        return int(self.baskets.shape[0])

    @property
    def shape(self) -> Shape:
        """Users, items, baskets and rows."""
        return Shape(self.users.height, self.items.height, self.n_baskets, self.rows.height)

    @cached_property
    def nature(self) -> Nature:
        """Orders, unless the declaration's column ``source`` says events; all bought or not."""
        source: Literal["orders", "events"] = "orders"
        if "source" in self.rows.columns and (self.rows["source"] == "events").any():
            source = "events"
        return Nature(source, bool((self.rows["kind"] == "purchase").all()))

    @cached_property
    def refused(self) -> Csr:
        """``(n_users, n_items)``: 1 where the last that a customer said of an item is no.

        Of rows of one instant, no is the last. What is stored here is never recommended.
        """
        pairs = self._refused_pairs
        return sparse.csr_matrix(
            (
                np.ones(pairs.height, dtype=np.float32),
                (pairs["user"].to_numpy(), pairs["item"].to_numpy()),
            ),
            shape=(self.users.height, self.items.height),
        )

    @cached_property
    def _refused_pairs(self) -> pl.DataFrame:
        said = self.rows.select("user", "item", "at", "weight").drop_nulls("user")
        no = said.filter(pl.col("weight") < 0).select("user", "item").unique()
        return (
            said.join(no, on=("user", "item"), how="semi")
            .sort("at", "weight", descending=[False, True])
            .group_by("user", "item", maintain_order=True)
            .agg(pl.last("weight"))
            .filter(pl.col("weight") < 0)
            .select("user", "item")
        )

    @cached_property
    def wanted(self) -> pl.DataFrame:
        """The rows that say yes, without those of a pair that the customer refused since."""
        if not self._refused_pairs.height:
            return self._said_yes
        return self._said_yes.join(self._refused_pairs, on=("user", "item"), how="anti")

    @cached_property
    def _said_yes(self) -> pl.DataFrame:
        says_no = self.rows["weight"] < 0
        return self.rows.filter(~says_no) if says_no.any() else self.rows

    @cached_property
    def baskets(self) -> Csr:
        """``(n_baskets, n_items)``: 1 where a basket holds an item; a row per basket with rows."""
        known = self._said_yes.select("basket", "item").drop_nulls("basket")
        numbers, places = known["basket"].to_numpy(), known["item"].to_numpy()
        shape = (len(self._starts), self.items.height)
        ones = np.ones(len(numbers), dtype=np.int32)
        matrix = sparse.csr_matrix((ones, (numbers, places)), shape=shape)
        matrix.sum_duplicates()
        matrix.data[:] = 1
        return matrix if self._is_filled.all() else matrix[self._is_filled]

    @property
    def _is_filled(self) -> npt.NDArray[np.bool_]:
        """Of each basket's number, whether it has rows that say yes."""
        is_filled: npt.NDArray[np.bool_] = self._starts != NEVER
        return is_filled

    @cached_property
    def _starts(self) -> npt.NDArray[np.int64]:
        """When each basket began, in microseconds, by its number; ``NEVER``: no row says yes."""
        return self._by_basket(self._said_yes, pl.col("at").min())

    @cached_property
    def _lasts(self) -> npt.NDArray[np.int64]:
        """When each basket had its last row, whatever that says."""
        return self._by_basket(self.rows, pl.col("at").max())

    def _by_basket(self, rows: pl.DataFrame, instant: pl.Expr) -> npt.NDArray[np.int64]:
        last: int | None = self.rows["basket"].max()  # type: ignore[assignment]
        known = rows.select("basket", "at").drop_nulls("basket")
        found = known.group_by("basket").agg(instant)
        instants = np.full(0 if last is None else last + 1, NEVER, dtype=np.int64)
        instants[found["basket"].to_numpy()] = micros(found["at"])
        return instants


def micros(times: pl.Series) -> npt.NDArray[np.int64]:
    """Microseconds since 1970, a copy."""
    return times.cast(pl.Int64).to_numpy().copy()


def micros_of(instant: datetime) -> int:
    """The same of one instant."""
    return (instant - EPOCH) // timedelta(microseconds=1)
