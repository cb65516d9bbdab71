"""A club of customers that grows night by night, and the nights of a segmentation of it.

What belongs here: planted customers and their purchases up to a day; the chain of nights without a
database, each after what the night before said. What does not: tests.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from ecorse.models.base import Champion, ModelResult
from ecorse.models.declaration import Declaration
from ecorse.segments.events import EVENTS
from ecorse.segments.history import Before, Night
from ecorse.training.run import run_model

START = datetime(2024, 1, 1)


DAYS = 360


@dataclass(frozen=True)
class Habit:
    """How the customers of a planted group buy: at what price and hour, every how many days.

    They join evenly between two days, and buy for ``lifetime`` days; their first purchase is that
    of joining.
    """

    name: str
    category: str
    price: float
    hour: float
    every: float
    lifetime: float = DAYS
    joins: tuple[int, int] = (0, DAYS)


HABITS = (
    Habit("loyal", "Phones", 300, 20, 15),
    Habit("regular", "Pens", 6, 10, 25),
    Habit("once", "Toys", 40, 14, 400),
    Habit("lapsed", "Books", 15, 20, 20, 60, (0, 90)),
)
NEWCOMERS = Habit("newcomer", "Wine", 90, 2, 3, joins=(342, 352))


def purchases_of(habit: Habit, customers: int, seed: int) -> pl.DataFrame:
    """A line per purchase of ``customers`` of one habit, over ``DAYS`` days."""
    rng = np.random.default_rng([seed, *habit.name.encode()])
    joined = rng.uniform(*habit.joins, customers)
    ends = np.minimum(joined + habit.lifetime, DAYS)
    more = rng.poisson((ends - joined) / habit.every)
    who = np.repeat(np.arange(customers), more + 1)
    is_first = np.diff(who, prepend=-1) > 0
    day = np.where(is_first, joined[who], rng.uniform(joined[who], ends[who])).astype(int)
    n = len(who)
    minutes = np.clip(habit.hour * 60 + rng.normal(0, 60, n), 0, 1439).astype(int)
    return pl.DataFrame(
        {
            "shop_id": ["club"] * n,
            "customer_id": [f"{habit.name}-{i:05d}" for i in who],
            "category": [habit.category] * n,
            "quantity": rng.integers(1, 3, n).astype(float),
            "unit_price": np.round(habit.price * np.exp(rng.normal(0, 0.25, n)), 2),
            "ordered_local": [
                START + timedelta(days=int(d), minutes=int(m))
                for d, m in zip(day, minutes, strict=True)
            ],
        }
    )


def club(customers: int, seed: int, habits: Sequence[Habit] = HABITS) -> pl.DataFrame:
    """All purchases of a year, of as many customers of each habit: a night sees them up to a day.

    Customers join all year long, so that the club grows by some three in a thousand a night.
    """
    return pl.concat([purchases_of(habit, customers, seed) for habit in habits])


def until(purchases: pl.DataFrame, day: int) -> pl.DataFrame:
    """What was bought before a day."""
    return purchases.filter(pl.col("ordered_local") < START + timedelta(days=day))


def inputs_of(purchases: pl.DataFrame) -> pl.DataFrame:
    """Lines as the declaration of customers selects them from the marts."""
    last = purchases["ordered_local"].max()
    customer = pl.col("customer_id")
    return purchases.with_columns(
        clock_local="ordered_local",
        # cents are exact in any order, as they are in the marts
        revenue=(pl.col("unit_price") * pl.col("quantity")).sum().over(customer).round(2),
        purchases=pl.len().over(customer).cast(pl.Float64),
        days_away=(
            (pl.lit(last) - pl.col("ordered_local").max().over(customer)).dt.total_days() + 1
        ).cast(pl.Float64),
    )


@dataclass
class Nights:
    """The nights of one segmentation; each is compared with the one before."""

    declaration: Declaration
    result: ModelResult | None = None
    day: date | None = None
    number: int = 0
    before: Before | None = None

    def run(self, purchases: pl.DataFrame, *, is_accepted: bool = False) -> ModelResult:
        """One more night; it is published."""
        lines = inputs_of(purchases)
        day = lines["ordered_local"].max().date()
        champion = None
        if self.result is not None:
            champion = Champion(
                self.number, self.result.artifact, json.loads(json.dumps(self.result.metrics))
            )
        published = self._published()
        if self.day is None or self.day < day:  # made again: compared as the first try was
            self.before = published
        night = Night(day, self.before, published, is_accepted)
        self.result = run_model(self.declaration, "club", {"lines": lines}, champion, night)
        self.day, self.number = day, self.number + 1
        return self.result

    def _published(self) -> Before | None:
        if self.result is None or self.day is None:
            return None
        labels = self.result.frame("customer_segments").rename({"customer_id": "entity"})
        names = self.result.frame("segments").select("segment_id", "segment_name")
        return Before(
            self.number,
            self.day,
            labels.drop("shop_id", "segmentation", "segment_name"),
            dict(names.rows()),
            self.result.frame("segment_events").select(*EVENTS),
            self.result.metrics["next_segment_id"],
        )


def of_club(declare: Callable[..., Declaration], **changes: Any) -> Declaration:
    """The shipped segmentation of customers, on those of its features that the club tells of."""
    there = set(inputs_of(club(1, 0)).columns)
    features = [
        f.model_dump()
        for f in declare("segment_customers").file.features
        if {f.column, *filter(None, [f.weigh_by])} <= there
    ]
    return declare("segment_customers", features=features, **changes)
