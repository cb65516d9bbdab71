"""Receipts by hand: words, counts, and JSON that stays JSON whatever an id looks like."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest

from ecorse.models.interactions import Interactions
from ecorse.recommenders.receipts import Receipts
from ecorse.recommenders.sales import Sales

NOON = datetime(2019, 6, 1, 12)
NAMES = {'a"\\': "Kettle", "b": "Cup", "c": None, "d": "Saucer", "e": "Unsold"}
A, B, C, D, E = range(5)


def shop(*orders: str, **columns: str) -> Interactions:
    """Orders of letters; the last is today, each one before it 20 days earlier."""
    ids = dict(zip("abcde", NAMES, strict=True))
    rows = [
        (f"o{n}", ids[item], NOON - timedelta(days=20 * (len(orders) - 1 - n)))
        for n, order in enumerate(orders)
        for item in order
    ]
    schema = {"basket_id": pl.String, "product_id": pl.String, "at": pl.Datetime("us")}
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    return Interactions.from_frames(
        pl.DataFrame({"product_id": list(NAMES), "product_name": list(NAMES.values())}),
        frame.with_columns(**{name: pl.lit(value) for name, value in columns.items()}),
    )


ORDERS = ("ab", "ab", "abc", "ac", "bd", "d")  # ab meet 3 times of 6; a 4, b 4: lift 1.125


@pytest.fixture(scope="module")
def receipts() -> Receipts:
    data = shop(*ORDERS)
    return Receipts.of(data.items, Sales.of(data))


def told(receipts: Receipts, items: list[int], **columns) -> list[dict]:
    frame = receipts.write(np.array(items, dtype=np.int64), pl.DataFrame(columns), "tested")
    assert frame.columns == ["source", "reason", "evidence"]
    return [{**row, "evidence": json.loads(row["evidence"])} for row in frame.to_dicts()]


def test_own_products_are_named_with_how_often_they_met(receipts):
    rows = told(
        receipts,
        [A, A, A, D],
        because=np.array([[B, C], [C, -1], [-1, D], [D, B]]),
        shares=np.array([[0.6, 0.4], [1.0, 0.0], [0.0, 0.25], [0.7, 0.3]]),
    )
    reasons = [row["reason"] for row in rows]
    assert reasons == [
        "Because you bought Cup (bought together in 3 orders, 1.1 times as often as by chance) "
        "and c (bought together in 2 orders)",
        "Because you bought c (bought together in 2 orders)",
        "Because you bought Saucer",
        "Because you bought it before and Cup (bought together in 1 order)",
    ]
    assert rows[0]["evidence"] == {
        "because": [
            {"product": "b", "share": 0.6, "together": 3, "orders": 4, "other_orders": 4,
             "lift": 1.125},
            {"product": "c", "share": 0.4, "together": 2, "orders": 2, "other_orders": 4,
             "lift": 1.5},
        ],
        "all_orders": 6,
    }  # fmt: skip
    assert rows[3]["evidence"]["because"][0] == {"product": "d", "share": 0.7, "orders": 2}
    assert {row["source"] for row in rows} == {"tested"}


def test_an_id_of_quotes_and_strokes_is_json_still(receipts):
    (row,) = told(receipts, [B], because=np.array([[A]]), shares=np.array([[1.0]]))
    assert row["evidence"]["because"][0]["product"] == 'a"\\'


def test_best_sellers_tell_late_orders_and_then_all(receipts):
    sells = told(receipts, [D, B, C, E], sells=np.ones(4, dtype=bool))
    assert [row["reason"] for row in sells] == [
        "A best seller of late: in 2 of 2 orders of the last 28 days",
        "A best seller of late: in 1 of 2 orders of the last 28 days",
        "In 2 of all 6 orders, though in none of late",
        "In no one's orders yet",
    ]
    assert sells[0]["evidence"] == {
        "orders": 2, "all_orders": 6, "late_orders": 2, "all_late_orders": 2,
    }  # fmt: skip
    filled = receipts.write_best_sellers(np.array([D])).row(0, named=True)
    assert filled["reason"].endswith("of the last 28 days; nothing nearer is known")
    assert filled["source"] == "popular"


def test_shared_words_come_before_counts_and_a_models_own_sentence_before_both(receipts):
    rows = told(
        receipts,
        [A, A, A],
        sentence=["Due again", None, None],
        because=np.array([[B], [B], [-1]]),
        shares=np.ones((3, 1)),
        words=[["tea"], ["tea", "hot"], None],
        source=["x", "y", "y"],
        days=[3, None, None],
    )
    assert [row["reason"] for row in rows] == [
        "Due again",
        "Described like Cup, which you bought: tea, hot",
        "Goes with what you bought, by y",
    ]
    assert rows[0]["evidence"]["days"] == 3
    assert "days" not in rows[1]["evidence"]  # no figure of that source
    assert rows[1]["evidence"]["words"] == ["tea", "hot"]


def test_a_model_that_says_nothing_is_named(receipts):
    frame = receipts.write(np.array([A, B]), None, "mine")
    assert frame["reason"].to_list() == ["Goes with what you bought, by mine"] * 2
    assert frame["evidence"].to_list() == ["{}", "{}"]


def test_no_row_is_no_receipt(receipts):
    nothing = {"because": np.empty((0, 3), int), "shares": np.empty((0, 3))}
    assert told(receipts, [], **nothing) == []
    assert receipts.write_best_sellers(np.array([], dtype=int)).height == 0


def test_of_visits_nobody_says_bought():
    data = shop(*ORDERS, kind="view", source="events")
    receipts = Receipts.of(data.items, Sales.of(data))
    (row,) = told(receipts, [A], because=np.array([[B]]), shares=np.array([[1.0]]))
    assert row["reason"] == (
        "Because you looked at Cup (seen together in 3 visits, 1.1 times as often as by chance)"
    )
    assert row["evidence"] == {
        "because": [{"product": "b", "share": 1.0, "together": 3, "visits": 4, "other_visits": 4,
                     "lift": 1.125}],
        "all_visits": 6,
    }  # fmt: skip


def test_shared_baskets_equal_counting_them_one_by_one():
    random = np.random.default_rng(2)
    orders = ["".join(sorted(set(random.choice(list("abcde"), 4)))) for _ in range(60)]
    sales = Sales.of(shop(*orders))
    one, other = (grid.ravel() for grid in np.meshgrid(np.arange(5), np.arange(5)))
    expected = [sum("abcde"[i] in o and "abcde"[j] in o for o in orders)
                for i, j in zip(one, other, strict=True)]  # fmt: skip
    assert sales.together(one, other).tolist() == expected
    assert sales.total == 60
