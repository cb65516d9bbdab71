"""Who did what with which product: what a recommender learns from, of one shop.

What belongs here: the rows as matrices, and their parts by time. What does not: what single rows
say (``interaction_rows``), reading them (``ecorse.training``), scoring them.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import sparse

from ecorse.models.interaction_rows import (
    DAY,
    EPOCH,
    NEVER,
    InteractionRows,
    Nature,
    Shape,
    micros,
    micros_of,
)
from ecorse.models.numbering import numbered
from ecorse.models.ranked import Csr, Floats

__all__ = ["DAY", "NEVER", "TICK", "Interactions", "Nature", "Shape"]

TICK = timedelta(microseconds=1)  # the step of time stamps


class Interactions(InteractionRows):
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
    height
        How many rows there are.
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
        super().__init__(items, users, rows)
        self.height = 0 if callable(rows) else rows.height
        self.whole = self
        self.of_products: dict[Hashable, Any] = {}
        self._decayed: dict[float | None, Csr] = {}
        self._root: Interactions | None = self
        self._ends: datetime | None = None

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
        return cls(*numbered(products, interactions, customers))

    def of_customers(self) -> Interactions:
        """The rows that name a customer; ``whole`` still has all. Numbers stay what they are."""
        if not self.rows["user"].null_count():
            return self
        part = Interactions(self.items, self.users, self.rows.drop_nulls("user"))
        part.whole = self
        part.of_products = self.of_products
        return part

    @property
    def beginning(self) -> Hashable | None:
        """Which beginning of which history this is; ``None``: another part of one.

        Of two that ended before an instant (``ended``) one holds the other: of as many rows both
        are the same. Whole histories are beginnings of themselves.
        """
        return None if self._root is None else (self._root, self.height, self.whole.height)

    @property
    def ends(self) -> datetime:
        """The instant before which all rows are: where it was cut (``ended``), else just behind the
        last row."""
        last = self.rows["at"].max()
        return self._ends or (last + TICK if isinstance(last, datetime) else EPOCH + TICK)

    @cached_property
    def matrix(self) -> Csr:
        """``(n_users, n_items)`` summed weights of each customer's interactions."""
        return self.decayed(None)

    def decayed(self, half_life_days: float | None) -> Csr:
        """``matrix`` with every weight halved per half-life of its age at the last row's instant.

        ``None``: whatever its age. ``(n_users, n_items)`` float32. Several parts of a blend ask
        for the same: it is made once, and may not be changed.
        """
        if half_life_days not in self._decayed:
            self._decayed[half_life_days] = self._decay(half_life_days)
        return self._decayed[half_life_days]

    def _decay(self, half_life_days: float | None) -> Csr:
        known = self.wanted.select("user", "item", "at", "weight").drop_nulls("user")
        known = known.sort(pl.all())  # sums then do not depend on the order of rows
        weights = known["weight"].to_numpy()
        if half_life_days is not None and known.height:
            age = (micros(self.rows["at"]).max() - micros(known["at"])) / DAY
            weights = (weights * np.power(0.5, age / half_life_days)).astype(np.float32)
        matrix = sparse.csr_matrix(
            (weights, (known["user"].to_numpy(), known["item"].to_numpy())),
            shape=(self.users.height, self.items.height),
        )
        matrix.sum_duplicates()
        return matrix

    def recent_popularity(self, half_life_days: float) -> Floats:
        """``popularity`` with each basket (or row) halved per half-life of its age at the last."""
        last = micros(self.rows["at"]).max(initial=0)
        if self.n_baskets:
            age = (last - self._starts[self._is_filled]) / DAY
            counts = self.baskets.T @ np.power(0.5, age / half_life_days)
        else:
            rows = self._said_yes.select("item", "at").sort(pl.all())
            weights = np.power(0.5, (last - micros(rows["at"])) / DAY / half_life_days)
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

    def started_by(self, later_share: float) -> datetime | None:
        """The instant from which on about this share of the baskets began; ``None``: there is none.

        A row without basket counts as one that began at its own time.
        """
        starts = self._starts
        alone = self.rows["at"].filter(self.rows["basket"].is_null())
        times = np.sort(np.concatenate([starts[starts != NEVER], micros(alone)]))
        if not times.size:
            return None
        cut = times[min(int(len(times) * (1 - later_share)), len(times) - 1)]
        return EPOCH + timedelta(microseconds=int(cut))

    def started(self, begins: datetime) -> Interactions:
        """The baskets that began at ``begins`` or later, each whole; rows without one by their own
        time. Products and customers keep their numbers."""
        cut, starts, at = micros_of(begins), self._starts, micros(self.rows["at"])
        begun = starts.take(self.rows["basket"].fill_null(0).to_numpy()) if starts.size else at
        is_alone = self.rows["basket"].is_null().to_numpy() | (begun == NEVER)
        at[~is_alone] = begun[~is_alone]
        return self._part(at >= cut, starts[self._is_filled] >= cut)

    def ended(self, begins: datetime | None, ends: datetime) -> Interactions:
        """What ended from ``begins`` (``None``: the first row) to just before ``ends``, as a part.

        A basket goes wholly by its last row, a row without basket by its own time: nothing of
        ``ended(None, t)`` happened at ``t`` or later.
        """
        low = np.iinfo(np.int64).min if begins is None else micros_of(begins)
        high, at = micros_of(ends), micros(self.rows["at"])
        if not at.size:
            return self
        of_basket = self._lasts
        is_alone = self.rows["basket"].is_null().to_numpy()
        at[~is_alone] = of_basket[self.rows["basket"].drop_nulls().to_numpy()]
        of_basket = of_basket[self._is_filled]
        part = self._part((low <= at) & (at < high), (low <= of_basket) & (of_basket < high))
        part._root, part._ends = self._root if begins is None else None, ends
        if self.whole is not self:
            part.whole = self.whole.ended(begins, ends)
        return part

    def _part(self, rows: npt.NDArray[np.bool_], baskets: npt.NDArray[np.bool_]) -> Interactions:
        """The rows and the baskets that are marked; the rows are copied only if they are used."""
        part = Interactions(self.items, self.users, lambda: self.rows.filter(pl.Series(rows)))
        part.height, part._root = int(rows.sum()), None
        part.__dict__["baskets"] = self.baskets[baskets]
        part.__dict__["nature"] = self.nature
        part.of_products = self.of_products
        return part
