"""Interactions of a small shop, numbered and split by hand."""

from __future__ import annotations

from datetime import datetime

import polars as pl
import pytest

from ecorse.errors import DataError
from ecorse.evaluate.origins import latest
from ecorse.models.interactions import Interactions, Shape

PRODUCTS = pl.DataFrame({"product_id": ["pen", "ink", "cup"], "category": ["w", "w", "k"]})


def day(number: int) -> datetime:
    return datetime(2019, 1, number)


def rows(*lines: tuple) -> pl.DataFrame:
    schema = {
        "basket_id": pl.String,
        "customer_id": pl.String,
        "product_id": pl.String,
        "at": pl.Datetime("us"),
    }
    return pl.DataFrame(lines, schema=schema, orient="row")


# ink is 1, cup 0, pen 2 in the order of product ids; the last line is of a product that is gone
LINES = rows(
    ("b", "zoe", "pen", day(3)),
    ("b", "zoe", "ink", day(3)),
    ("b", "zoe", "ink", day(3)),
    ("a", "amy", "ink", day(1)),
    (None, "amy", "cup", day(2)),
    ("c", None, "cup", day(4)),
    ("c", None, "gone", day(4)),
)


@pytest.fixture
def data() -> Interactions:
    return Interactions.from_frames(PRODUCTS, LINES)


def test_numbers_are_places_in_the_order_of_ids(data):
    assert data.items["product_id"].to_list() == ["cup", "ink", "pen"]
    assert data.items["category"].to_list() == ["k", "w", "w"]
    assert data.users["customer_id"].to_list() == ["amy", "zoe"]
    assert data.rows["item"].to_list() == [2, 1, 1, 1, 0, 0]
    assert data.rows["user"].to_list() == [1, 1, 1, 0, 0, None]
    assert data.rows["basket"].to_list() == [1, 1, 1, 0, None, 2]


def test_rows_of_unknown_products_are_dropped_and_what_is_left_is_counted(data):
    assert data.shape == Shape(users=2, items=3, baskets=3, rows=6)


def test_a_customers_row_sums_weights(data):
    assert data.matrix.toarray().tolist() == [[1, 1, 0], [0, 2, 1]]
    weighted = Interactions.from_frames(
        PRODUCTS, LINES.with_columns(weight=pl.lit(0.5)).filter(pl.col("customer_id") == "zoe")
    )
    assert weighted.matrix.toarray().tolist() == [[0, 1, 0.5]]


def test_a_basket_holds_an_item_once(data):
    assert data.baskets.toarray().tolist() == [[0, 1, 0], [0, 1, 1], [1, 0, 0]]


def test_a_basket_of_unknown_products_only_is_no_basket():
    lines = rows(("a", None, "gone", day(1)), ("b", None, "pen", day(2)))
    data = Interactions.from_frames(PRODUCTS, lines)
    assert data.n_baskets == 1
    assert data.baskets.toarray().tolist() == [[0, 0, 1]]


def test_popularity_counts_baskets_and_where_there_are_none_rows(data):
    assert data.popularity.tolist() == [1, 2, 1]
    without = Interactions.from_frames(PRODUCTS, LINES.drop("basket_id"))
    assert without.n_baskets == 0
    assert without.popularity.tolist() == [2, 3, 1]


def test_customers_and_baskets_may_be_unknown_altogether():
    data = Interactions.from_frames(PRODUCTS, LINES.select("product_id", "at"))
    assert data.shape == Shape(users=0, items=3, baskets=0, rows=6)
    assert data.matrix.shape == (0, 3)
    assert data.baskets.shape == (0, 3)
    assert data.rows["weight"].unique().to_list() == [1.0]
    assert data.rows["kind"].cast(pl.String).unique().to_list() == ["purchase"]


def test_listed_customers_without_rows_have_numbers_too():
    customers = pl.DataFrame({"customer_id": ["zoe", "bob", "amy"]})
    data = Interactions.from_frames(PRODUCTS, LINES, customers)
    assert data.users["customer_id"].to_list() == ["amy", "bob", "zoe"]
    assert data.matrix.toarray().tolist() == [[1, 1, 0], [0, 0, 0], [0, 2, 1]]


def test_the_order_of_rows_changes_no_matrix(data):
    shuffled = Interactions.from_frames(PRODUCTS.reverse(), LINES.reverse())
    assert (shuffled.matrix != data.matrix).nnz == 0
    assert (shuffled.baskets != data.baskets).nnz == 0


@pytest.mark.parametrize(
    ("products", "lines", "words"),
    [
        (PRODUCTS.drop("product_id"), LINES, "'products' has no column product_id"),
        (PRODUCTS, LINES.drop("at", "product_id"), "'interactions' has no column product_id, at"),
    ],
)
def test_a_missing_column_is_named(products, lines, words):
    with pytest.raises(DataError, match=words):
        Interactions.from_frames(products, lines)


def split(data: Interactions, share: float) -> tuple[Interactions, Interactions]:
    origin = latest(data, share)
    return origin.earlier, origin.later


def days_of(data: Interactions) -> list[int]:
    return data.rows["at"].dt.day().sort().to_list()


def test_the_latest_baskets_go_to_the_second_part():
    lines = rows(*((f"o{n}", "amy", "pen", day(n)) for n in range(1, 11)))
    earlier, later = split(Interactions.from_frames(PRODUCTS, lines), 0.2)
    assert days_of(earlier) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert days_of(later) == [9, 10]
    assert (earlier.n_baskets, later.n_baskets) == (8, 2)
    assert later.items.equals(earlier.items)
    assert later.users.equals(earlier.users)
    assert later.baskets.shape == (2, 3)


def test_a_basket_is_never_torn_and_what_began_before_and_ended_after_is_in_neither_part():
    lines = rows(
        ("1", None, "pen", day(1)),
        ("2", None, "pen", day(2)),
        ("3", None, "pen", day(3)),  # begins before basket 4, and ends after it
        ("3", None, "ink", day(9)),
        ("4", None, "pen", day(4)),
        ("4", None, "ink", day(8)),
    )
    earlier, later = split(Interactions.from_frames(PRODUCTS, lines), 0.25)
    assert days_of(earlier) == [1, 2]
    assert days_of(later) == [4, 8]


def test_rows_without_basket_go_by_their_own_time():
    lines = rows(
        ("1", "amy", "pen", day(1)), (None, "amy", "ink", day(5)), (None, "amy", "cup", day(2)),
        ("2", "amy", "cup", day(3)),
    )  # fmt: skip
    earlier, later = split(Interactions.from_frames(PRODUCTS, lines), 0.5)
    assert (days_of(earlier), days_of(later)) == ([1, 2], [3, 5])


def test_baskets_of_one_instant_stay_together():
    lines = rows(*((f"o{n}", None, "pen", day(1 if n < 3 else 2)) for n in range(10)))
    earlier, later = split(Interactions.from_frames(PRODUCTS, lines), 0.2)
    assert (earlier.n_baskets, later.n_baskets) == (3, 7)


def test_nothing_can_be_split():
    empty = Interactions.from_frames(PRODUCTS, LINES.clear())
    earlier, later = split(empty, 0.2)
    assert earlier.shape == later.shape == Shape(users=0, items=3, baskets=0, rows=0)


def said(*lines: tuple) -> Interactions:
    schema = {
        "basket_id": pl.String,
        "customer_id": pl.String,
        "product_id": pl.String,
        "at": pl.Datetime("us"),
        "weight": pl.Float64,
    }
    return Interactions.from_frames(PRODUCTS, pl.DataFrame(lines, schema=schema, orient="row"))


def test_the_last_word_decides_whether_a_customer_refused_an_item():
    data = said(
        ("a", "amy", "cup", day(1), 1.0),
        ("b", "amy", "cup", day(2), -1.0),  # bought, then sent back: no
        ("b", "amy", "ink", day(2), -1.0),
        ("c", "amy", "ink", day(3), 2.0),  # removed, then bought: yes
        ("c", "zoe", "pen", day(3), 1.0),
        ("c", "zoe", "pen", day(3), -1.0),  # both at once: no
        (None, None, "pen", day(3), -1.0),  # of nobody
    )
    assert data.refused.toarray().tolist() == [[1, 0, 0], [0, 0, 1]]
    assert data.matrix.toarray().tolist() == [[0, 2, 0], [0, 0, 0]]
    assert data.decayed(1.0).toarray().tolist() == [[0, 2, 0], [0, 0, 0]]


def test_a_row_that_says_no_is_in_no_basket_and_sells_nothing():
    data = said(
        ("a", "amy", "cup", day(1), 1.0),
        ("a", "amy", "ink", day(1), -1.0),
        ("b", "amy", "ink", day(2), -1.0),  # a basket of refusals alone is none
        ("d", "zoe", "pen", day(3), 1.0),
        ("e", "zoe", "pen", day(4), -1.0),
    )
    assert data.baskets.toarray().tolist() == [[1, 0, 0], [0, 0, 1]]
    assert data.popularity.tolist() == [1, 0, 1]
    assert data.recent_popularity(2.0).tolist() == [2**-1.5, 0, 2**-0.5]
    earlier, later = split(data, 0.5)
    assert earlier.rows["item"].to_list() == [0, 1, 1]
    assert later.rows["item"].to_list() == [2, 2]
    assert (earlier.n_baskets, later.n_baskets) == (1, 1)
    assert earlier.refused.toarray().tolist() == [[0, 1, 0], [0, 0, 0]]
