"""The real slice of the REES46 event log, loaded whole and computed again in plain Python."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest

from ecorse import flow
from ecorse.settings import get_settings
from ecorse.warehouse.connect import connect

SHOP = """
[[shops]]
shop_id = "multi"
shop_name = "Multi-category store"
time_zone = "Asia/Dubai"
currency = "USD"
[[shops.sources]]
source = "rees46_events"
origin = "folder"
options = {{ path = "{path}" }}
"""


@pytest.fixture(scope="module")
def kept(shared_data, snapshot, tmp_path_factory):
    """The published night of the slice."""
    path = tmp_path_factory.mktemp("shop") / "shops.toml"
    path.write_text(SHOP.format(path=shared_data / "rees46_events"))

    def fill():
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("ECORSE_SHOPS_FILE", str(path))
            get_settings.cache_clear()
            summary = flow.ingest("multi", "rees46_events", holder="test")
            flow.refresh(holder="test")
        return summary

    return snapshot(fill)


@pytest.fixture
def events(shared_data, kept, restore):
    """A copy of the published night of the slice, and its rows read by the csv module."""
    summary = restore(kept)
    folder = shared_data / "rees46_events"
    (path,) = folder.glob("*.csv")
    with path.open(newline="", encoding="utf-8") as file:
        lines = [row for row in csv.reader(file) if len(row) == 9][1:]
    unique = list(dict.fromkeys(map(tuple, lines)))
    return summary.loads[0], path, unique


def rows(query):
    with connect() as conn:
        return conn.execute(query).fetchall()


def test_every_row_is_accounted_for(events):
    load, path, unique = events
    assert load.rows_read == 17_435
    assert load.rows_staged == len(unique) == 17_429
    assert (load.rows_duplicate, load.rows_rejected, load.rows_ignored) == (5, 1, 0)
    last = path.read_text(encoding="utf-8").splitlines()[-1]
    assert rows("select raw, source_line, rule from ops.reject") == [(last, 17_436, "field_count")]
    kinds = Counter(row[1] for row in unique)
    assert dict(rows("select event_type, count(*) from marts.events group by 1")) == kinds
    assert load.counts["flagged"]["price_not_positive"] == sum(Decimal(r[6]) <= 0 for r in unique)
    unknown = dict(rows("select column_name, unknown_events from marts.event_unknowns"))
    assert unknown["category_path"] == sum(not row[4] for row in unique)
    assert unknown["brand"] == sum(not row[5] for row in unique)
    purchases = [row for row in unique if row[1] == "purchase"]
    assert load.rows_by_table["order_lines"] == len(purchases)
    assert load.money_staged == sum(Decimal(row[6]) for row in purchases)


def test_sessions_agree_with_a_plain_computation(events):
    _, _, unique = events
    by_session = defaultdict(list)
    for at, kind, *_, session in unique:
        by_session[session].append((datetime.strptime(at[:19], "%Y-%m-%d %H:%M:%S"), kind))
    expected = {
        session: (
            len(seen),
            int((max(seen)[0] - min(seen)[0]).total_seconds()),
            sum(kind == "view" for _, kind in seen),
            any(kind == "purchase" for _, kind in seen),
        )
        for session, seen in by_session.items()
    }
    found = rows(
        "select session_id, events, length_seconds, views, is_converted from marts.sessions"
    )
    assert {session: tuple(rest) for session, *rest in found} == expected


def test_the_funnel_agrees_with_a_plain_computation(events):
    _, _, unique = events
    kinds, pairs = defaultdict(set), defaultdict(set)
    for _, kind, product, *_, session in unique:
        kinds[session].add(kind)
        pairs[session, product].add(kind)
    steps = [("view",), ("view", "cart"), ("view", "cart", "purchase")]
    reached = [sum(set(step) <= k for k in kinds.values()) for step in steps]
    found = rows("select sessions_reached, share_of_first from marts.funnel order by step_number")
    assert [n for n, _ in found] == reached
    assert [s for _, s in found] == pytest.approx([float(Fraction(n, reached[0])) for n in reached])
    whole = rows(
        "select viewed, carted, purchased, viewed_and_carted, viewed_and_purchased, "
        "carted_and_purchased from marts.funnel_by_category where category_level_1 = 'all'"
    )
    wanted = [
        {"view"}, {"cart"}, {"purchase"}, {"view", "cart"}, {"view", "purchase"},
        {"cart", "purchase"},
    ]  # fmt: skip
    assert list(whole[0]) == [sum(w <= k for k in pairs.values()) for w in wanted]


def test_the_clock_is_the_shops(events):
    _, _, unique = events
    zone = ZoneInfo("Asia/Dubai")
    hours = Counter(
        datetime.fromisoformat(row[0][:19] + "+00:00").astimezone(zone).hour for row in unique
    )
    found = rows("select hour, events from marts.activity_by_hour where events > 0")
    assert dict(found) == hours
    assert rows("select count(*) from marts.activity_by_hour") == [(24,)]
