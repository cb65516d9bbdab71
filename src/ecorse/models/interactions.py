"""Who did what with which product: what a recommender learns from, of one shop.

What belongs here: the rows, and their views as matrices. What does not: reading them
(``ecorse.training``), scoring them.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import sparse

from ecorse.errors import DataError
from ecorse.models.ranked import Csr, Floats
from ecorse.models.words import as_words

IDS = ("product_id", "customer_id", "basket_id", "shop_id")
NEVER = np.iinfo(np.int64).max
DAY = 24 * 60 * 60 * 1_000_000  # microseconds
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
        ``ROWS`` and what else the declaration selects (city, daypart, source ...): one row per
        interaction. ``user`` and ``basket`` are null where there is none; ``at`` is the shop's
        wall clock; ``weight`` is 1 unless the declaration says otherwise. A weight below 0 says no
        (a product that was removed, one star): such a row is in no matrix and no basket, and a
        pair whose last row it is is ``refused``.
    whole
        What these were taken out of by ``of_customers``, else themselves.
    of_products
        What a recommender worked out of ``items`` alone, by a key of its own: the parts of a
        history have the same products, and a judged night fits on many parts.
    """

    def __init__(
        self,
        items: pl.DataFrame,
        users: pl.DataFrame,
        rows: pl.DataFrame | Callable[[], pl.DataFrame],
    ) -> None:
        self.items = items
        self.users = users
        self._rows = rows
        self.whole = self
        self.of_products: dict[Hashable, Any] = {}

    @property
    def rows(self) -> pl.DataFrame:
        """The interactions; of a part (``split``) they are taken out when first asked for."""
        if callable(self._rows):
            self._rows = self._rows()
        return self._rows

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
            as_words(rows["kind"]),
            pl.col("weight").cast(pl.Float32),
            *(
                as_words(rows[name])
                if rows[name].dtype in (pl.String, pl.Categorical)
                else rows[name]
                for name in rows.columns
                if name not in (*IDS, "at", "kind", "weight")
            ),
        ).drop_nulls("item")
        return cls(items, users, rows)

    def of_customers(self) -> Interactions:
        """The rows that name a customer; ``whole`` still has all. Numbers stay what they are."""
        if not self.rows["user"].null_count():
            return self
        part = Interactions(self.items, self.users, self.rows.drop_nulls("user"))
        part.whole = self
        part.of_products = self.of_products
        return part

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
    def matrix(self) -> Csr:
        """``(n_users, n_items)`` summed weights of each customer's interactions."""
        return self.decayed(None)

    def decayed(self, half_life_days: float | None) -> Csr:
        """``matrix`` with every weight halved per half-life of its age at the last row's instant.

        ``None``: whatever its age. ``(n_users, n_items)`` float32.
        """
        known = self.wanted.select("user", "item", "at", "weight").drop_nulls("user")
        known = known.sort(pl.all())  # sums then do not depend on the order of rows
        weights = known["weight"].to_numpy()
        if half_life_days is not None and known.height:
            age = (_micros(self.rows["at"]).max() - _micros(known["at"])) / DAY
            weights = (weights * np.power(0.5, age / half_life_days)).astype(np.float32)
        matrix = sparse.csr_matrix(
            (weights, (known["user"].to_numpy(), known["item"].to_numpy())),
            shape=(self.users.height, self.items.height),
        )
        matrix.sum_duplicates()
        return matrix

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

    def recent_popularity(self, half_life_days: float) -> Floats:
        """``popularity`` with each basket (or row) halved per half-life of its age at the last."""
        last = _micros(self.rows["at"]).max(initial=0)
        if self.n_baskets:
            age = (last - self._starts[self._is_filled]) / DAY
            counts = self.baskets.T @ np.power(0.5, age / half_life_days)
        else:
            rows = self._said_yes.select("item", "at").sort(pl.all())
            weights = np.power(0.5, (last - _micros(rows["at"])) / DAY / half_life_days)
            counts = np.bincount(rows["item"].to_numpy(), weights, self.items.height)
        return np.asarray(counts, dtype=np.float64)

    @cached_property
    def popularity(self) -> Floats:
        """``(n_items,)`` how many baskets hold each item; where there are none, how many rows."""
        if self.n_baskets:
            counts = np.asarray(self.baskets.sum(axis=0)).ravel()
        else:
            counts = np.bincount(self._said_yes["item"].to_numpy(), minlength=self.items.height)
        return counts.astype(np.float64)

    def since(self, days: float) -> Interactions:
        """What came after ``days`` before the last row; products and customers keep their numbers.

        A basket goes by each row's own time.
        """
        after = pl.col("at").max() - pl.duration(microseconds=round(days * DAY))
        return Interactions(self.items, self.users, self.rows.filter(pl.col("at") > after))

    def split(self, later_share: float) -> tuple[Interactions, Interactions]:
        """Part the rows by time; products and customers keep their numbers in both parts.

        Parameters
        ----------
        later_share
            The latest baskets that make up about this share go to the second part; a basket is
            never torn apart, and baskets of one instant stay together. A row without basket goes
            by its own time.
        """
        rows, starts = self.rows, self._starts
        alone = rows["at"].filter(rows["basket"].is_null())
        times = np.sort(np.concatenate([starts[starts != NEVER], _micros(alone)]))
        if not times.size:
            return self, self
        cut = times[min(int(len(times) * (1 - later_share)), len(times) - 1)]
        at = _micros(rows["at"])
        begun = starts.take(rows["basket"].fill_null(0).to_numpy()) if starts.size else at
        is_alone = rows["basket"].is_null().to_numpy() | (begun == NEVER)
        at[~is_alone] = begun[~is_alone]
        is_later, begins_later = at >= cut, starts[self._is_filled] >= cut
        return self._part(~is_later, ~begins_later), self._part(is_later, begins_later)

    def ended(self, begins: datetime | None, ends: datetime) -> Interactions:
        """What ended from ``begins`` (``None``: the first row) to just before ``ends``, as a part.

        A basket goes wholly by its last row, a row without basket by its own time: nothing of
        ``ended(None, t)`` happened at ``t`` or later.
        """
        low = np.iinfo(np.int64).min if begins is None else _micros_of(begins)
        high, at = _micros_of(ends), _micros(self.rows["at"])
        if not at.size:
            return self
        of_basket = self._lasts
        is_alone = self.rows["basket"].is_null().to_numpy()
        at[~is_alone] = of_basket[self.rows["basket"].drop_nulls().to_numpy()]
        of_basket = of_basket[self._is_filled]
        part = self._part((low <= at) & (at < high), (low <= of_basket) & (of_basket < high))
        if self.whole is not self:
            part.whole = self.whole.ended(begins, ends)
        return part

    def _part(self, rows: npt.NDArray[np.bool_], baskets: npt.NDArray[np.bool_]) -> Interactions:
        """The rows and the baskets that are marked; the rows are copied only if they are used."""
        part = Interactions(self.items, self.users, lambda: self.rows.filter(pl.Series(rows)))
        part.__dict__["baskets"] = self.baskets[baskets]
        part.__dict__["nature"] = self.nature
        part.of_products = self.of_products
        return part

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
        instants[found["basket"].to_numpy()] = _micros(found["at"])
        return instants


def _micros(times: pl.Series) -> npt.NDArray[np.int64]:
    return times.cast(pl.Int64).to_numpy().copy()


def _micros_of(instant: datetime) -> int:
    return (instant - datetime(1970, 1, 1)) // timedelta(microseconds=1)


def _number(ids: pl.Series, sorted_ids: pl.Series) -> pl.Series:
    """The place of each id among the sorted ones; null where it is not among them."""
    known = pl.DataFrame({"id": sorted_ids}).with_row_index("number")
    return ids.to_frame("id").join(known, on="id", how="left", maintain_order="left")["number"]
