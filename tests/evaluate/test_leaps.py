"""New lines beside the same customers' earlier ones, by hand."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import polars as pl
import pytest

from ecorse.evaluate.drift import leap_drift
from ecorse.evaluate.leaps import Leaps, last_times, leaps_since
from ecorse.features.orders import feature_space
from ecorse.models.segmentation_file import Feature, SegmentationGate

GATE = SegmentationGate(
    min_ari=0.9, min_jaccard=0.7, max_psi=0.25, least_added=500, least_reference=100
)
PRICE = Feature(name="price", kind="log_mean", weight=1.0, column="unit_price", weigh_by="quantity")
WHEN = Feature(name="weekday", kind="cycle", weight=1.0, column="at", part="weekday")
DAY = datetime(2024, 5, 1, 12)


def space(rows, features=(PRICE, WHEN)):
    """Customers' lines: (customer, days after ``DAY``, price, quantity)."""
    frame = pl.DataFrame(
        {
            "customer_id": [who for who, *_ in rows],
            "at": [DAY + timedelta(days=days) for _, days, *_ in rows],
            "unit_price": [float(price) for _, _, price, *_ in rows],
            "quantity": [float(more[0]) if more else 1.0 for _, _, _, *more in rows],
        }
    )
    return feature_space(frame, list(features), "customer_id", ())


def until(days=0):
    return {"at": (DAY + timedelta(days=days)).isoformat()}


def first_days(n):
    return [(f"c{i}", -day, 10 + i) for i in range(n) for day in (1, 2)]


def found(made, since=None):
    return {one.name: one for one in leaps_since(made, until() if since is None else since)}


def test_who_buys_again_at_other_prices_leaps():
    rows = first_days(12) + [(f"c{i}", 1, 100 * (10 + i)) for i in range(9)]
    rows += [("c9", 1, 19), ("new", 1, 5000)]  # as before; never seen before
    price = found(space(rows))["price"]
    assert (price.entities, price.up, price.down) == (10, 9, 0)
    assert price.is_another_unit
    (drift,) = leap_drift([price], GATE)
    assert (drift.feature, drift.compared, drift.far, drift.is_drifted) == (
        "price", "again", 9, True,
    )  # fmt: skip
    assert drift.of == "10 on 2024-05-02"
    assert drift.name == "price of new lines"


def test_pieces_are_compared_too():
    rows = [(f"c{i}", -1, 10, 2) for i in range(9)] + [(f"c{i}", 1, 10, 200) for i in range(9)]
    both = found(space(rows))
    assert both["quantity"].is_another_unit
    assert not both["price"].is_another_unit


def test_a_unit_a_hundred_times_smaller_leaps_too():
    rows = first_days(9) + [(f"c{i}", 1, (10 + i) / 100) for i in range(9)]
    assert found(space(rows))["price"].down == 9
    assert found(space(rows))["price"].is_another_unit


@pytest.mark.parametrize(
    ("entities", "up", "down", "is_held"),
    [
        (8, 8, 0, False),  # too few: 8 is below three times the root of 8
        (9, 9, 0, True),
        (20, 10, 0, False),  # no more than half
        (20, 11, 0, True),
        (40, 24, 16, False),  # dear and cheap in turn: ahead by 8, three roots of 40 are 19
        (40, 30, 10, True),
    ],
)
def test_most_must_leap_one_way(entities, up, down, is_held):
    one = Leaps("price", "2024-05-02", entities, up, down)
    assert one.is_another_unit is is_held
    assert Leaps("price", "2024-05-02", entities, down, up).is_another_unit is is_held
    assert all(drift.is_drifted for drift in leap_drift([one], GATE))


def test_lines_are_new_after_the_last_time_that_was_seen():
    rows = first_days(9) + [(f"c{i}", 1, 100 * (10 + i)) for i in range(9)]
    seen = last_times(space(first_days(9)))
    assert seen == {"at": "2024-04-30T12:00:00"}
    assert found(space(rows), seen)["price"].up == 9
    # once they were published, they are what there was
    assert found(space(rows), last_times(space(rows))) == {}


def test_each_day_stands_by_itself_and_the_worst_is_told():
    rows = first_days(30) + [(f"c{i}", 1, 100 * (10 + i)) for i in range(10)]
    rows += [(f"c{i}", 2, 10 + i) for i in range(30)]  # three times as many right ones
    leaps = [one for one in leaps_since(space(rows), until()) if one.name == "price"]
    assert [(one.day, one.entities, one.up) for one in leaps] == [
        ("2024-05-02", 10, 10), ("2024-05-03", 30, 0),
    ]  # fmt: skip
    (drift,) = leap_drift(leaps, GATE)
    assert (drift.far, drift.of) == (10, "10 on 2024-05-02")


def test_days_without_a_time_of_day():
    rows = first_days(9) + [(f"c{i}", 1, 100 * (10 + i)) for i in range(9)]
    made = space(rows)
    frame = made.lines.frame.with_columns(pl.col("at").cast(pl.Date))
    by_day = feature_space(frame, [PRICE, WHEN], "customer_id", ())
    assert last_times(by_day) == {"at": date(2024, 5, 2).isoformat()}
    assert found(by_day, {"at": "2024-04-30"})["price"].up == 9


def test_without_a_time_or_an_earlier_night_nothing_is_said():
    rows = first_days(9) + [(f"c{i}", 1, 100 * (10 + i)) for i in range(9)]
    assert leaps_since(space(rows), {}) == []
    assert leaps_since(space(rows, [PRICE]), until()) == []


def test_a_number_that_is_not_watched_is_not_compared():
    rows = first_days(9) + [(f"c{i}", 1, 100 * (10 + i)) for i in range(9)]
    quiet = PRICE.model_copy(update={"watch_drift": False})
    assert leaps_since(space(rows, [quiet, WHEN]), until()) == []
