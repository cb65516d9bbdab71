"""Customers by expected value: purchase days, tiers, what is shown and what is not.

What belongs here: the segmentation. What does not: its mathematics (``test_value_models``).
"""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from ecorse.errors import ConfigError
from ecorse.features.orders import feature_space
from ecorse.models.base import Task
from ecorse.models.segmentation_file import Feature
from ecorse.segments.purchase_days import purchase_days
from ecorse.segments.purchases_ahead import PurchasesAhead
from ecorse.segments.value_calibration import Calibration, Row
from ecorse.segments.value_tables import CALIBRATION, VALUE
from ecorse.segments.value_tiers import ValueTiers, ValueTiersConfig, tiers_of
from ecorse.testing import SegmentationContract
from ecorse.testing.shop import tiny_space

DAY = date(2024, 12, 31)
FEATURES = (Feature(name="worth", kind="log_mean", column="worth", weight=1.0),)
TIERS = [{"name": "best", "up_to_share": 0.2}, {"name": "rest", "up_to_share": 1.0}]


def space_of(rows, last=DAY):
    """``rows``: customer, day, whether it is a purchase, worth."""
    frame = pl.DataFrame(
        [("main", customer, day, last, bought, worth) for customer, day, bought, worth in rows],
        schema=["shop_id", "customer_id", "order_date", "shop_last_date", "is_purchase", "worth"],
        orient="row",
    )
    return feature_space(frame, FEATURES, "customer_id")


def made(**parameters):
    return ValueTiers(ValueTiersConfig(**({"tiers": TIERS} | parameters)))


def shop_of(model: PurchasesAhead, n=3000, age=700, seed=1, spread=0):
    """Customers drawn from a model, purchase by purchase, worth 10 to 90 each."""
    rng, rows = np.random.default_rng(seed), []
    for customer in range(n):
        start = DAY - timedelta(days=age - int(rng.integers(0, spread + 1)))
        rate, leaving = rng.gamma(model.r, 1 / model.alpha), rng.beta(model.a, model.b)
        mean, at = rng.uniform(10, 90), 0.0
        while True:
            day = start + timedelta(days=int(np.ceil(at)))
            if day > DAY:
                break
            rows.append((f"C{customer:05}", day, True, float(mean * rng.uniform(0.8, 1.2))))
            if at and rng.random() < leaving:
                break
            at += rng.exponential(1 / rate)
    return rows


class TestValueTiers(SegmentationContract):
    model = ValueTiers
    parameters = {"tiers": TIERS, "least_customers": 2, "days_ahead": 60}
    entity_column = "customer_id"

    @classmethod
    def space_of(cls, lines):
        orders = lines.with_columns(
            order_date=pl.col("ordered_local").dt.date(),
            shop_last_date=pl.lit(date(2019, 12, 31)),
            is_purchase=pl.lit(True),
            worth=pl.col("revenue"),
        )
        return tiny_space(orders, cls.features, "customer_id")


def test_orders_of_one_day_are_one_purchase_and_what_comes_back_is_the_purchases():
    first, second = date(2024, 3, 1), date(2024, 5, 1)
    days = purchase_days(
        space_of(
            [
                ("a", first, True, 30.0),
                ("a", first, True, 12.0),
                ("a", date(2024, 3, 9), False, -10.0),  # of the first purchase
                ("a", second, True, 50.0),
                ("b", date(2024, 1, 2), False, -5.0),  # before the first: of the first
                ("b", first, True, 20.0),
                ("c", first, False, -7.0),  # never bought
            ]
        )
    )
    assert days.known().tolist() == [0, 1]
    assert days.purchases().tolist() == [2, 1, 0]
    assert days.worth.tolist() == [32.0, 50.0, 15.0]
    assert days.counts().repeats.tolist() == [1.0, 0.0]
    assert days.counts().last.tolist() == [61.0, 0.0]
    assert days.counts().age.tolist() == [305.0, 305.0]
    assert days.mean_worth().tolist() == [41.0, 15.0]
    then = days.until((second - date(1970, 1, 1)).days - 1)
    assert then.purchases().tolist() == [1, 1, 0]
    assert days.purchases_within(then.last, 1).tolist() == [1, 0]
    assert days.next_days(then.last).tolist() == [1.0, np.inf]


def test_equal_values_share_a_tier():
    value = np.array([9.0, 5.0, 5.0, 5.0, 1.0])
    assert tiers_of(value, [0.2, 0.6, 1.0]).tolist() == [0, 1, 1, 1, 2]
    assert tiers_of(np.zeros(4), [0.2, 1.0]).tolist() == [0, 0, 0, 0]
    assert tiers_of(np.array([3.0]), [0.1, 1.0]).tolist() == [0]


def test_expected_values_come_true_and_dates_hold_in_a_shop_that_buys_as_the_model_says():
    rows = shop_of(PurchasesAhead(4.0, 100.0, 0.5, 12.0, 0.0), n=2500, age=700, spread=200)
    model = made(days_ahead=120, least_cases=30)
    space = space_of(rows)
    labels = model.fit(space, Task("segment_value", "main", 1)).assign(space)
    assert (labels == 0).mean() == pytest.approx(0.2, abs=0.02)
    calibration = model.calibration
    assert len([r for r in calibration.rows if r.slice == "all"]) == 3
    assert all(calibration.holds(r) for r in calibration.rows if r.slice in ("all", "interval"))
    values = model.diagnose()[VALUE.name]
    assert values["is_calibrated"].all()
    dated = values.drop_nulls("next_order_date")
    assert dated.height > 100
    assert (dated["next_order_from"] > DAY).all()
    assert (dated["next_order_to"] <= DAY + timedelta(days=120)).all()
    assert values.filter(pl.col("basis") == "one purchase")["next_order_date"].null_count() == (
        values.filter(pl.col("basis") == "one purchase").height
    )
    # the tenth of whom most was expected bought most
    latest = max(r.day for r in calibration.rows)
    tenths = [r for r in calibration.rows if r.day == latest and r.slice.startswith("tenth")]
    assert tenths[-1].actual > 3 * tenths[0].actual


def test_no_date_is_shown_in_a_shop_that_buys_otherwise():
    """Everybody orders each 30 days to the day: a model without memory misses that."""
    rows = [
        (f"C{customer:04}", DAY - timedelta(days=30 * back + customer % 30), True, 20.0)
        for customer in range(400)
        for back in range(20)
    ]
    model = made(days_ahead=90, interval_share=0.5)
    space = space_of(rows)
    model.fit(space, Task("segment_value", "main", 1)).assign(space)
    assert not model.calibration.interval_holds
    assert model.diagnose()[VALUE.name]["next_order_date"].null_count() == 400


def test_a_shop_of_one_time_buyers_has_one_tier_and_says_so():
    rows = [(f"C{n}", DAY - timedelta(days=n), True, 5.0 + n) for n in range(300)]
    model, space = made(), space_of(rows)
    labels = model.fit(space, Task("segment_value", "main", 1)).assign(space)
    assert model.is_degenerate()
    assert set(labels.tolist()) == {1}
    values = model.diagnose()[VALUE.name]
    assert values.height == 300
    assert values["expected_value"].null_count() == 300
    assert values["is_calibrated"].null_count() == 300
    assert set(values["basis"]) == {"one purchase"}


def test_who_gave_all_back_is_worth_what_an_unknown_is():
    rows = shop_of(PurchasesAhead(4.0, 100.0, 0.5, 12.0, 0.0), n=400, age=400)
    rows += [("Z", DAY - timedelta(days=50), True, 80.0), ("Z", DAY, False, -80.0)]
    model, space = made(least_customers=50), space_of(rows)
    model.fit(space, Task("segment_value", "main", 1)).assign(space)
    values = model.diagnose()[VALUE.name]
    assert model.spend is not None
    spend = values.filter(pl.col("customer_id") == "Z")["expected_spend"][0]
    assert spend == pytest.approx(model.spend.mean)


@pytest.mark.parametrize(
    ("row", "holds"),
    [
        (Row(0, "all", 100, 1.2, 1.0), True),
        (Row(0, "all", 100, 1.3, 1.0), False),
        (Row(0, "all", 100, 0.1, 0.0), False),
        (Row(0, "interval", 100, 0.5, 0.59), True),
        (Row(0, "interval", 100, 0.5, 0.61), False),
        (Row(0, "interval", 49, 0.5, 0.5), False),
        (Row(0, "tenth 01", 100, 0.5, 0.5), None),
    ],
)
def test_when_an_expectation_holds(row, holds):
    assert Calibration((row,)).holds(row) is holds


@pytest.mark.parametrize(
    ("tiers", "words"),
    [
        ([{"name": "a", "up_to_share": 0.5}, {"name": "b", "up_to_share": 0.9}], "end with 1.0"),
        ([{"name": "a", "up_to_share": 0.5}, {"name": "a", "up_to_share": 1.0}], "same name"),
        ([{"name": "a", "up_to_share": 1.0}, {"name": "b", "up_to_share": 1.0}], "must rise"),
    ],
)
def test_tiers_that_make_no_sense_are_refused(tiers, words):
    from ecorse import declared

    with pytest.raises(ConfigError, match=words):
        declared.check({"tiers": tiers}, ValueTiersConfig, "parameters")


def test_tables_are_those_declared():
    model = made()
    space = space_of([("a", DAY, True, 1.0), ("b", DAY, True, 2.0)])
    model.fit(space, Task("segment_value", "main", 1)).assign(space)
    assert set(model.diagnose()) == {VALUE.name, CALIBRATION.name}
