"""The sources of events: what becomes of their rows."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import polars as pl
import pytest

from ecorse.clean.cast import cast, parse
from ecorse.ingest.shops import Shop
from ecorse.schema.recognise import recognise
from ecorse.sources import get_source
from ecorse.sources.reading import Reading

SHOP = Shop(
    shop_id="main", shop_name="Main", time_zone="America/New_York", currency="USD", sources=()
)


def read(name, header, *lines, **reading):
    source = get_source(name, Reading(**reading))
    found = recognise(source.contract, header.split(","), "f.csv")
    raw = parse(("\n".join(lines) + "\n").encode(), found, ",", '"')
    typed = cast(raw, found, source.contract)
    return typed, source.canonicalise(typed.frame, found, SHOP)


LOG = "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session"
VIEW = "2019-10-01 02:00:00 UTC,view,1,9,,,35.79,7,s1"
BUY = "2019-10-01 02:10:00 UTC,purchase,1,9,home.air_heater,aqua,35.79,7,s1"


def test_a_purchase_of_the_event_log_is_an_order_line_too():
    _, found = read("rees46_events", LOG, VIEW, BUY)
    assert found.frame["event_at"].to_list()[0] == datetime(2019, 10, 1, 2, tzinfo=UTC)
    assert found.frame.select("category_path", "brand").rows()[0] == (None, None)
    assert found.warnings == {"brand_unknown": 1, "category_unknown": 1}
    (line,) = found.companions["order_lines"].rows(named=True)
    assert line["_row"] == 1
    assert (line["order_id"], line["customer_id"], line["customer_key_kind"]) == ("s1", "7", "id")
    assert (line["quantity"], line["unit_price"]) == (1, Decimal("35.7900"))
    assert (line["category"], line["product_name"]) == ("home", "aqua air heater 1")
    assert line["ordered_local"] == datetime(2019, 9, 30, 22, 10)  # New York is 4 hours behind


def test_purchases_may_stay_events_only():
    _, found = read("rees46_events", LOG, BUY, purchases_are_orders=False)
    assert found.companions == {}
    assert found.frame.height == 1


def test_a_purchase_without_session_is_no_order():
    _, found = read("rees46_events", LOG, BUY.removesuffix("s1"))
    assert found.frame.height == 1
    assert found.companions["order_lines"].height == 0
    assert found.warnings["purchase_without_session"] == 1


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        (VIEW.replace("view", "glance"), "event_type_unknown"),
        (VIEW.replace(",1,9", ",,9"), "product_empty"),
        (VIEW.replace("35.79", "free"), "price_invalid"),
        (VIEW.replace("02:00:00", "25:00:00"), "event_at_invalid"),
    ],
)
def test_a_broken_event_is_refused(line, rule):
    typed, found = read("rees46_events", LOG, line, BUY)
    assert typed.reasons["rule"].to_list() == [rule]
    assert found.frame.height == 1


def test_a_price_of_nothing_is_kept_and_flagged():
    typed, found = read("rees46_events", LOG, VIEW.replace("35.79", "0"))
    assert typed.flags.rows() == [(0, "price_not_positive")]
    assert found.frame.height == 1


def test_ratings():
    _, found = read("ratings", "userId,movieId,rating,timestamp", "1,31,2.5,1260759144")
    (row,) = found.frame.rows(named=True)
    # date -u -d @1260759144: Mon Dec 14 02:52:24 UTC 2009
    assert row["event_at"] == datetime(2009, 12, 14, 2, 52, 24, tzinfo=UTC)
    assert (row["event_type"], row["rating"], row["product_id"]) == ("rating", Decimal("2.5"), "31")


def test_ratings_in_milliseconds_are_refused_and_not_dated_to_another_age():
    typed, _ = read("ratings", "userId,movieId,rating,timestamp", "1,31,2.5,1260759144000000")
    assert typed.reasons["rule"].to_list() == ["event_at_invalid"]


def test_an_event_needs_what_its_type_is_about():
    typed, found = read(
        "behaviour_events",
        "event_at,event_type,product_id,query,rating,customer_id",
        "2020-01-01 00:00:00,search,,red shoes,,c1",
        "2020-01-01 00:00:01,search,,,,c1",
        "2020-01-01T00:00:02Z,rating,p1,,,c1",
        "2020-01-01 00:00:03,bookmark,,,,c1",
        "2020-01-01 00:00:04,click,,,,",
    )
    assert typed.reasons.is_empty()
    assert found.frame["_row"].to_list() == [0, 4]
    assert sorted(found.reasons.select("_row", "rule").rows()) == [
        (1, "query_missing"),
        (2, "rating_missing"),
        (3, "product_id_missing"),
    ]
    assert found.frame["query"].to_list() == ["red shoes", None]
    assert found.warnings == {"customer_unknown": 1}
    assert found.frame.schema["event_at"] == pl.Datetime("us", "UTC")


def test_a_quantity_that_staging_cannot_hold_is_refused():
    header = "event_at,event_type,product_id,quantity"
    typed, found = read(
        "behaviour_events",
        header,
        "2020-01-01 00:00:00,cart,p1,99999999999",
        "2020-01-01 00:00:00,cart,p1,1000000",
    )
    assert typed.reasons["rule"].to_list() == ["quantity_too_large"]
    assert found.frame["quantity"].to_list() == [1_000_000]
    assert found.frame.schema["quantity"] == pl.Int32


@pytest.mark.parametrize(("rating", "rule"), [("-1", "negative"), ("101", "too_large")])
def test_a_rating_that_no_scale_has_is_refused(rating, rule):
    for name, header, line in (
        ("ratings", "userId,movieId,rating,timestamp", f"1,31,{rating},1260759144"),
        ("behaviour_events", "event_at,event_type,product_id,rating",
         f"2020-01-01 00:00:00,rating,p1,{rating}"),
    ):  # fmt: skip
        typed, _ = read(name, header, line)
        assert typed.reasons["rule"].to_list() == [f"rating_{rule}"]
