"""Fits that are shared: the same on the same rows, whoever asks, and no others."""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl
import pytest

from ecorse.models.base import Task
from ecorse.models.fits import Fits
from ecorse.models.interactions import Interactions
from ecorse.recommenders.ease import Ease, EaseConfig
from ecorse.recommenders.popular import Popular, PopularConfig

TASK = Task("recommend_tested", "main", seed=1)
START = datetime(2024, 1, 1)


class Counted(Popular):
    """Best sellers that tell how often they were fitted."""

    fitted = 0

    def fit(self, data, task, champion=None):
        type(self).fitted += 1
        return super().fit(data, task, champion)


class Other(Counted):
    """Another class of the same parameters."""


@pytest.fixture(autouse=True)
def from_zero():
    Counted.fitted = Other.fitted = 0


def shop(days=40) -> Interactions:
    """One order a day, those of odd days of nobody."""
    frame = pl.DataFrame(
        {
            "customer_id": [None if day % 2 else "ann" for day in range(days)],
            "product_id": [f"p{day % 3}" for day in range(days)],
            "basket_id": [str(day) for day in range(days)],
            "at": [START + timedelta(days=day) for day in range(days)],
        }
    )
    return Interactions.from_frames(frame.select("product_id").unique(), frame)


def day(number: int) -> datetime:
    return START + timedelta(days=number)


def parts(**config) -> dict[str, Counted]:
    return {"best": Counted(PopularConfig(**config))}


def test_the_same_rows_are_fitted_once_however_they_were_cut():
    data, fits = shop(), Fits()
    first = fits.of(parts(), data.ended(None, day(20)), TASK)
    # the order of day 19 is the last before both instants, and before the cut of a cut
    again = fits.of(parts(), data.ended(None, day(19) + timedelta(hours=5)), TASK)
    nested = fits.of(parts(), data.ended(None, day(30)).ended(None, day(20)), TASK)
    assert Counted.fitted == 1
    assert first["best"] is again["best"] is nested["best"]


@pytest.mark.parametrize("ends", [19, 21])
def test_one_order_less_or_more_is_another_fit(ends):
    data, fits = shop(), Fits()
    fits.of(parts(), data.ended(None, day(20)), TASK)
    fits.of(parts(), data.ended(None, day(ends)), TASK)
    assert Counted.fitted == 2


def test_other_parameters_seeds_shops_classes_and_histories_are_other_fits():
    data, fits = shop(), Fits()
    before = data.ended(None, day(20))
    fits.of(parts(), before, TASK)
    for model, part, task in (
        (Counted(PopularConfig(half_life_days=3)), before, TASK),
        (Counted(PopularConfig()), before, Task("recommend_tested", "main", seed=2)),
        (Counted(PopularConfig()), before, Task("recommend_tested", "other", seed=1)),
        (Other(PopularConfig()), before, TASK),
        # as many rows, and others; nobody knows of two histories that they are the same
        (Counted(PopularConfig()), data.ended(day(20), day(40)), TASK),
        (Counted(PopularConfig()), shop().ended(None, day(20)), TASK),
    ):
        made = fits.of({"best": model}, part, task)
        assert made["best"] is model
        fits.of(parts(), before, TASK)
    assert Counted.fitted == 12


def test_rows_of_nobody_count_where_the_whole_is_asked_for():
    data, fits = shop().of_customers(), Fits()
    # day 18 is the last of ann in both; the order of nobody of day 19 is in one whole only
    one, other = data.ended(None, day(19)), data.ended(None, day(20))
    assert one.height == other.height
    assert one.whole.height < other.whole.height
    fits.of(parts(), one, TASK)
    fits.of(parts(), other, TASK)
    assert Counted.fitted == 2


def test_one_set_is_kept_and_dropped_for_the_next():
    data, fits = shop(), Fits()
    for ends in (10, 20, 10):
        fits.of(parts(), data.ended(None, day(ends)), TASK)
    assert Counted.fitted == 3


def test_what_was_kept_is_gone_while_others_are_fitted():
    data, fits, held = shop(), Fits(), []

    class Looking(Counted):
        def fit(self, data, task, champion=None):
            held.append(len(fits._kept))
            return super().fit(data, task, champion)

    two = {"a": Looking(PopularConfig()), "b": Looking(PopularConfig(days=5))}
    fits.of(two, data.ended(None, day(10)), TASK)
    fits.of(dict(two), data.ended(None, day(20)), TASK)
    assert held == [0, 0, 0, 0]


def test_the_number_of_threads_is_no_other_fit():
    data, fits = shop(), Fits()
    one = fits.of({"a": Ease(EaseConfig(threads=1))}, data, TASK)
    two = fits.of({"b": Ease(EaseConfig(threads=2))}, data, TASK)
    assert one["a"] is two["b"]
