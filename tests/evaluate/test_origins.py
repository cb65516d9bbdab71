"""Rolling origins by hand, torn by nothing, and planted leaks that are told."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecorse.errors import DataError
from ecorse.evaluate.origins import Origin, check_no_leak, last_window, origins
from ecorse.models.interactions import Interactions
from evaluate_shops import START, day, shop

TICK = timedelta(microseconds=1)
# one basket a day, days 0 to 100: its number is its day
DAILY = [("ann", f"{number:03}", "a", number) for number in range(101)]


def days(data: Interactions) -> list[float]:
    return sorted({(at - START) / timedelta(days=1) for at in data.rows["at"]})


def test_three_windows_of_ten_days_newest_first():
    found = origins(shop(*DAILY), 10, 3)
    assert [days(one.later) for one in found] == [
        list(range(91, 101)),
        list(range(81, 91)),
        list(range(71, 81)),
    ]
    assert [days(one.earlier) for one in found] == [
        list(range(91)),
        list(range(81)),
        list(range(71)),
    ]
    assert found[0].ends == day(100) + TICK
    assert [one.begins for one in found[:2]] == [one.ends for one in found[1:]]
    for one in found:
        assert one.begins + timedelta(days=10) == one.ends
        check_no_leak(one)


def test_windows_of_a_short_history_take_half_of_it():
    # half of 100 days are two windows of 25
    found = origins(shop(*DAILY), 40, 2)
    assert [one.begins for one in found] == [day(75) + TICK, day(50) + TICK]
    # 40 days fit once: half of 100 is 50
    assert [one.begins for one in origins(shop(*DAILY), 40, 1)] == [day(60) + TICK]


def test_a_basket_on_the_border_is_of_the_window_of_its_last_row():
    lines = [*DAILY, ("bob", "long", "b", 88), ("bob", "long", "c", 92), ("cat", "past", "d", 88)]
    one = origins(shop(*lines), 10, 1)[0]
    assert one.later.rows.filter(pl.col("user") == 1)["item"].to_list() == [1, 2]
    assert one.earlier.rows.filter(pl.col("user") > 0)["item"].to_list() == [3]
    # the matrices say the same as the rows
    assert one.later.baskets.sum() == one.later.rows.height == 12
    assert one.earlier.baskets.sum() == one.earlier.rows.height == 92
    assert one.earlier.matrix[1].nnz == 0
    check_no_leak(one)


def test_rows_without_a_basket_go_by_their_own_time():
    lines = [(None, None, "a", number) for number in range(101)]
    one = origins(shop(*lines), 10, 1)[0]
    assert (one.earlier.rows.height, one.later.rows.height) == (91, 10)


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [("ann", "1", "a", 5)],
        [("ann", str(n), "a", 5) for n in range(9)],
        [("ann", "1", "a", n) for n in range(9)],
    ],
    ids=["empty", "one row", "one instant", "one basket"],
)
def test_where_nothing_can_be_parted_there_is_no_origin(lines):
    assert origins(shop(*lines), 28, 3) == []
    earlier, later = last_window(shop(*lines), 28)
    assert earlier.rows.height + later.rows.height == len(lines)


def test_a_window_without_a_row_is_left_out():
    lines = [line for line in DAILY if not 80 < line[3] <= 90]
    assert [one.begins for one in origins(shop(*lines), 10, 3)] == [day(90) + TICK, day(70) + TICK]


@pytest.mark.parametrize(("length", "n"), [(0, 1), (-1, 1), (float("nan"), 1), (7, 0)])
def test_senseless_windows_are_refused(length, n):
    with pytest.raises(ValueError, match="above 0"):
        origins(shop(*DAILY), length, n)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["ann", "bob", None]),
            st.one_of(st.none(), st.integers(0, 6).map(str)),
            st.sampled_from("abc"),
            st.floats(0, 40),
        ),
        max_size=25,
    ),
    st.integers(1, 4),
)
def test_parts_of_any_shop(lines, n):
    data = shop(*lines)
    found = origins(data, 7, n)
    for one in found:
        check_no_leak(one)
        assert one.later.rows.height
        assert one.later.rows["at"].max() < one.ends
        assert set(one.earlier.rows["basket"].drop_nulls()).isdisjoint(
            one.later.rows["basket"].drop_nulls()
        )
        assert one.earlier.n_baskets == one.earlier.rows["basket"].drop_nulls().n_unique()
    # windows and what came before the last of them are all rows, each once
    if len(found) == n:
        parts = [one.later for one in found] + [found[-1].earlier]
        assert sum(part.rows.height for part in parts) == data.rows.height


# ------------------------------------------------------------------- leaks


def test_a_product_that_was_sold_in_the_window_only_is_unknown_before():
    data = shop(*DAILY, ("bob", "new", "f", 95))
    one = origins(data, 10, 1)[0]
    check_no_leak(one)
    f = 5
    assert one.earlier.popularity[f] == one.earlier.recent_popularity(7)[f] == 0
    assert one.earlier.matrix[:, f].nnz == 0
    with pytest.raises(DataError, match=r"11 of 102 rows.* begins 2024-03-31"):
        check_no_leak(replace(one, earlier=data))


def test_one_row_at_the_first_instant_of_the_window_is_a_leak():
    one = origins(shop(*DAILY), 10, 1)[0]
    late = one.earlier.rows[-1].with_columns(at=pl.lit(one.begins))
    data = Interactions(one.earlier.items, one.earlier.users, pl.concat([one.earlier.rows, late]))
    with pytest.raises(DataError, match="1 of 92 rows"):
        check_no_leak(replace(one, earlier=data))


@pytest.mark.parametrize("make", [lambda n: day(n), lambda n: day(n).date()], ids=["time", "date"])
def test_a_date_that_was_made_of_later_rows_is_told_by_its_column(make):
    lines = [*DAILY, ("bob", "new", "f", 95)]

    def of(*last_sold: float) -> Interactions:
        return shop(*lines, last_sold=[make(n) for n in last_sold])

    # f was never sold before the window: that it exists tells nothing of the window
    check_no_leak(origins(of(89, 1, 1, 1, 1, 95), 10, 1)[0])
    with pytest.raises(DataError, match=r"'last_sold' of the products.*Leave it out"):
        check_no_leak(origins(of(99, 1, 1, 1, 1, 95), 10, 1)[0])


def test_a_leak_in_customers_and_in_rows_is_told_too():
    one = origins(shop(*DAILY), 10, 1)[0]
    rows, users = one.earlier.rows, one.earlier.users
    knows = pl.lit(one.begins).alias("last_order_at")
    with pytest.raises(DataError, match="'last_order_at' of the customers"):
        check_no_leak(
            replace(one, earlier=Interactions(one.earlier.items, users.with_columns(knows), rows))
        )
    with pytest.raises(DataError, match="'last_order_at' of the rows"):
        check_no_leak(
            replace(one, earlier=Interactions(one.earlier.items, users, rows.with_columns(knows)))
        )


LETTERS = "".join(chr(97 + n) for n in range(40))  # 40 products
TRADE = np.random.default_rng(6).integers(0, 9, (2, 40))  # sold before, and in the window


def traded(trade=TRADE, **items) -> Origin:
    lines = [
        (f"c{n % 7}", f"{letter}{part}{n}", letter, (n if not part else 95 + n / 3))
        for part in (0, 1)
        for letter, count in zip(LETTERS, trade[part], strict=True)
        for n in range(count)
    ]
    lines += [("zed", "first", "a", 0), ("zed", "last", "a", 100)]
    return origins(shop(*lines, products=LETTERS, **items), 10, 1)[0]


SOLD = TRADE + np.eye(40, dtype=int)[0]  # with the first line and the last


@pytest.mark.parametrize(
    "number",
    [SOLD[1], SOLD.sum(axis=0), np.log1p(SOLD.sum(axis=0)), -SOLD[1] * 2.5],
    ids=["later", "all", "a logarithm of all", "the other way"],
)
def test_a_number_that_was_made_of_the_window_is_told(number):
    with pytest.raises(DataError, match=r"'sold' of the products.*order of the rows.*Leave it out"):
        check_no_leak(traded(sold=number.tolist()))


@pytest.mark.parametrize(
    "number",
    [SOLD[0], np.arange(40), np.ones(40), SOLD[1] + np.random.default_rng(1).normal(0, 1, 40)],
    ids=["sold before", "a code", "a constant", "noise and something"],
)
def test_a_number_that_was_known_is_none(number):
    check_no_leak(traded(price=number.tolist()))


def test_a_number_that_was_known_is_none_where_the_same_was_sold_again():
    same = np.array([TRADE[0], TRADE[0]])
    check_no_leak(traded(same, sold=(TRADE[0] + np.eye(40)[0]).tolist()))


def test_a_number_of_customers_is_told_too():
    lines = [
        (f"c{n:02}", f"{n}{m}", "a", 50 - n + 100 * (m > 1)) for n in range(40) for m in range(n)
    ]
    one = origins(shop(*lines), 60, 1)[0]
    bought = pl.DataFrame({"n": one.later.rows["user"]}).group_by("n").len().sort("n")
    users = one.earlier.users.with_row_index("n").join(bought, on="n", how="left").drop("n")
    knows = Interactions(one.earlier.items, users, one.earlier.rows)
    with pytest.raises(DataError, match="'len' of the customers"):
        check_no_leak(replace(one, earlier=knows))


def test_an_instant_in_utc_may_be_ahead_of_the_wall_clock():
    one = origins(shop(*DAILY), 10, 1)[0]

    def knowing(hours: float) -> Interactions:
        instant = pl.lit(one.begins + timedelta(hours=hours)).dt.replace_time_zone("UTC")
        rows = one.earlier.rows.with_columns(ordered_at=instant)
        return Interactions(one.earlier.items, one.earlier.users, rows)

    check_no_leak(replace(one, earlier=knowing(11.9)))
    with pytest.raises(DataError, match="'ordered_at'"):
        check_no_leak(replace(one, earlier=knowing(12)))


def test_what_happens_later_changes_nothing_of_what_was_known():
    calm = origins(shop(*DAILY), 10, 2)
    # other products, other customers' lines, and a basket that goes on into the window
    wild = origins(
        shop(*DAILY[:81], *[("ann", f"x{n}", "e", n) for n in range(81, 101)], products="abcdef"),
        10,
        2,
    )
    assert calm[1].earlier.rows.drop("basket").equals(wild[1].earlier.rows.drop("basket"))
    np.testing.assert_array_equal(calm[1].earlier.popularity, wild[1].earlier.popularity)
