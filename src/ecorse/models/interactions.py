"""Who did what with which product: what a recommender learns from, of one shop.

What belongs here: the rows, and their views as matrices. What does not: reading them
(``ecorse.training``), scoring them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from scipy import sparse

from ecorse.errors import DataError
from ecorse.models.ranked import Csr, Floats

ROWS: Mapping[str, Any] = {
    "item": pl.UInt32,
    "user": pl.UInt32,
    "basket": pl.UInt32,
    "at": pl.Datetime("us"),
    "kind": pl.Categorical,
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
class Interactions:
    """One shop's interactions; products, customers and baskets are numbered.

    Attributes
    ----------
    items
        One row per product, sorted by ``product_id``: a product's number is its row. The columns
        are those that the declaration selects.
    users
        One row per customer, sorted by ``customer_id``; empty where the shop knows none.
    rows
        ``ROWS`` and what else the declaration selects (city, daypart ...): one row per
        interaction. ``user`` and ``basket`` are null where there is none; ``at`` is the shop's
        wall clock; ``weight`` is 1 unless the declaration says otherwise.
    """

    items: pl.DataFrame
    users: pl.DataFrame
    rows: pl.DataFrame
    n_baskets: int

    @classmethod
    def from_frames(
        cls,
        products: pl.DataFrame,
        interactions: pl.DataFrame,
        customers: pl.DataFrame | None = None,
    ) -> Interactions:
        """Number products, customers and baskets, and drop rows of unknown products.

        Parameters
        ----------
        products
            ``product_id`` and anything else; a product that is not here is never recommended.
        interactions
            ``product_id``, ``at``, and if there are any ``customer_id``, ``basket_id``, ``kind``,
            ``weight`` and further columns.
        customers
            ``customer_id`` and anything else; ``None`` for those of the interactions.

        Raises
        ------
        DataError
            A needed column is missing.
        """
        for name, frame, needed in (
            ("products", products, ("product_id",)),
            ("interactions", interactions, ("product_id", "at")),
        ):
            if missing := [c for c in needed if c not in frame.columns]:
                raise DataError(
                    f"Input {name!r} has no column {', '.join(missing)}; select it in [inputs]."
                )
        items = products.unique("product_id", keep="any").sort("product_id")
        rows = interactions.with_columns(
            **{
                name: pl.lit(default)
                for name, default in (("kind", "purchase"), ("weight", 1.0))
                if name not in interactions.columns
            },
            **{
                name: pl.lit(None, pl.String)
                for name in ("customer_id", "basket_id")
                if name not in interactions.columns
            },
        )
        if customers is None:
            customers = rows.select("customer_id").drop_nulls()
        users = customers.unique("customer_id", keep="any").sort("customer_id")
        rows = rows.select(
            _number(rows["product_id"], items["product_id"]).alias("item"),
            _number(rows["customer_id"], users["customer_id"]).alias("user"),
            (rows["basket_id"].rank("dense") - 1).cast(pl.UInt32).alias("basket"),
            pl.col("at").cast(pl.Datetime("us")),
            pl.col("kind").cast(pl.Categorical),
            pl.col("weight").cast(pl.Float32),
            pl.exclude("product_id", "customer_id", "basket_id", "at", "kind", "weight", "shop_id"),
        ).drop_nulls("item")
        return cls(items, users, rows, rows["basket"].n_unique() - rows["basket"].has_nulls())

    @property
    def shape(self) -> Shape:
        """Users, items, baskets and rows."""
        return Shape(self.users.height, self.items.height, self.n_baskets, self.rows.height)

    @cached_property
    def matrix(self) -> Csr:
        """``(n_users, n_items)`` summed weights of each customer's interactions."""
        known = self.rows.select("user", "item", "weight").drop_nulls("user")
        matrix = sparse.csr_matrix(
            (
                known["weight"].to_numpy(),
                (known["user"].to_numpy(), known["item"].to_numpy()),
            ),
            shape=(self.users.height, self.items.height),
        )
        matrix.sum_duplicates()
        return matrix

    @cached_property
    def baskets(self) -> Csr:
        """``(n, n_items)``: 1 where a basket holds an item; one row per basket that has rows."""
        pairs = self.rows.select("basket", "item").drop_nulls("basket").unique()
        pairs = pairs.sort("basket", "item")
        sizes = pairs["basket"].rle().struct.field("len").to_numpy()
        return sparse.csr_matrix(
            (
                np.ones(pairs.height, dtype=np.int32),
                pairs["item"].to_numpy().astype(np.int32),
                np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)]).astype(np.int32),
            ),
            shape=(len(sizes), self.items.height),
        )

    @cached_property
    def popularity(self) -> Floats:
        """``(n_items,)`` how many baskets hold each item; where there are none, how many rows."""
        if self.n_baskets:
            counts = np.asarray(self.baskets.sum(axis=0)).ravel()
        else:
            counts = np.bincount(self.rows["item"].to_numpy(), minlength=self.items.height)
        return counts.astype(np.float64)

    def split(self, later_share: float) -> tuple[Interactions, Interactions]:
        """Part the rows by time; products and customers keep their numbers in both parts.

        Parameters
        ----------
        later_share
            The latest baskets that make up about this share go to the second part; a basket is
            never torn apart, and baskets of one instant stay together. A row without basket goes
            by its own time.
        """
        rows = self.rows.with_columns(
            _starts=pl.when(pl.col("basket").is_null())
            .then(pl.col("at"))
            .otherwise(pl.col("at").min().over("basket"))
        )
        times = rows.select("basket", "_starts").filter(
            pl.col("basket").is_null() | pl.col("basket").is_first_distinct()
        )["_starts"]
        if times.is_empty():
            return self, self
        cut = times.sort()[min(int(len(times) * (1 - later_share)), len(times) - 1)]
        return (
            self._with(rows.filter(pl.col("_starts") < cut).drop("_starts")),
            self._with(rows.filter(pl.col("_starts") >= cut).drop("_starts")),
        )

    def _with(self, rows: pl.DataFrame) -> Interactions:
        n_baskets = rows["basket"].n_unique() - rows["basket"].has_nulls()
        return Interactions(self.items, self.users, rows, n_baskets)


def _number(ids: pl.Series, sorted_ids: pl.Series) -> pl.Series:
    """The place of each id among the sorted ones; null where it is not among them."""
    known = pl.DataFrame({"id": sorted_ids}).with_row_index("number")
    return ids.to_frame("id").join(known, on="id", how="left", maintain_order="left")["number"]
