"""A source whose rows go to events and, for purchases, to order lines too: one shares the fate."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

import polars as pl
import pytest

from ecorse.errors import ContractError
from ecorse.ingest.load import load_file
from ecorse.ingest.shops import Shop
from ecorse.refresh.audit import night_checks
from ecorse.refresh.builds import opened
from ecorse.refresh.relations import staging_at
from ecorse.schema.contract import Column, Contract, Form, Rule
from ecorse.schema.source import Canonical
from ecorse.sources.canonical import shop_of_row, to_instants, to_wall_clock
from ecorse.sources.reading import Reading
from ecorse.warehouse.connect import connect
from ecorse.warehouse.lock import writer

SHOP = Shop(
    shop_id="main", shop_name="Main", time_zone="America/New_York", currency="USD", sources=()
)
HEADER = "at,kind,product,session,price\n"
CONTRACT = Contract(
    name="clicks",
    forms=(
        Form(
            "only",
            (
                Column("at", "event_at", "timestamp", formats=("%Y-%m-%d %H:%M:%S",), zone="UTC"),
                Column("kind", "event_type"),
                Column("product", "product_id"),
                Column("session", "session_id"),
                Column("price", "price", "decimal"),
            ),
        ),
    ),
    rules=(
        Rule("kind_unknown", "event_type", "one_of", "expected view or purchase", "view|purchase"),
        Rule("price_high", "price", "at_most", "expected at most 100", "100", "flag"),
    ),
    dedup_key=("event_at", "product_id", "session_id"),
    table="events",
)


@dataclass(frozen=True)
class Clicks:
    name: str = "clicks"
    contract: Contract = CONTRACT
    warnings = {}

    def canonicalise(self, frame, header, shop):
        at = to_instants(frame["event_at"], header.form.column_of("event_at"), shop)
        events = frame.select(
            "_row", at.alias("event_at"), "event_type", "product_id", "session_id", "price",
            *shop_of_row(shop, pl.col("session_id")),
        )  # fmt: skip
        lines = events.filter(pl.col("event_type") == "purchase").select(
            "_row", "shop_id", "is_simulated",
            pl.col("session_id").alias("order_id"), "product_id",
            pl.col("product_id").alias("product_name"),
            pl.lit(1).cast(pl.Int32).alias("quantity"), pl.col("price").alias("unit_price"),
            pl.lit(shop.currency).alias("currency"), pl.col("event_at").alias("ordered_at"),
            to_wall_clock(pl.Series(at), shop).gather(
                (events["event_type"] == "purchase").arg_true()
            ).alias("ordered_local"),
        )  # fmt: skip
        return Canonical(events, companions={"order_lines": lines})


@pytest.fixture
def load(warehouse, tmp_path, monkeypatch):
    def load(name, text, **reading):
        path = tmp_path / name
        path.write_text(HEADER + text)
        with writer("ingest:main:clicks", "test") as fence:
            return load_file(
                path, shop=SHOP, source=Reading(**reading).apply(Clicks()), fence=fence
            )

    return load


def rows(query):
    with connect() as conn:
        return conn.execute(query).fetchall()


A = "2020-01-01 05:30:00,view,p1,s1,5.00\n"
B = "2020-01-01 05:31:00,purchase,p1,s1,5.00\n"
C = "2020-01-02 05:00:00,purchase,p2,s2,250.00\n"


def test_a_purchase_is_an_event_and_an_order_line(load):
    summary = load("a.csv", A + B + B + C + "2020-01-03 00:00:00,jump,p1,s1,1\n\n")
    assert (summary.rows_read, summary.rows_staged, summary.rows_duplicate) == (6, 3, 1)
    assert (summary.rows_ignored, summary.rows_rejected) == (1, 1)
    assert summary.rows_by_table == {"events": 3, "order_lines": 2}
    assert summary.money_staged == Decimal("255.00")
    assert summary.counts["flagged"] == {"price_high": 1}
    lines = "select order_id, ordered_local::text, source_line from staging.order_lines order by 1"
    assert rows(lines) == [("s1", "2020-01-01 00:31:00", 3), ("s2", "2020-01-02 00:00:00", 5)]
    assert rows("select session_id, flags from staging.events order by event_at") == [
        ("s1", None), ("s1", None), ("s2", ["price_high"]),
    ]  # fmt: skip


def test_what_another_file_holds_is_set_aside_in_both_tables(load):
    load("a.csv", A + B)
    second = load("b.csv", B + C)
    assert second.rows_by_table == {"events": 1, "order_lines": 1}
    assert (second.rows_duplicate, second.money_staged) == (1, Decimal("250.00"))
    assert rows("select count(*) from staging.repeated_events") == [(1,)]
    assert rows("select order_id from staging.repeated_order_lines") == [("s1",)]
    # the first file is corrected and no longer holds the purchase: the second file's steps in
    load("a.csv", A)
    with opened(as_of=None, known_by=None, holder="test") as build:
        pass  # opened, and left as it is
    held = {
        t: rows(f"select count(*) from {staging_at(t, str(build))} as s")[0][0]
        for t in ("events", "order_lines")
    }
    assert held == {"events": 3, "order_lines": 2}
    check = next(c for c in night_checks(build) if c.name == "every_staged_row_and_cent_is_there")
    assert rows(check.sql) == []
    with connect() as conn:
        conn.execute("delete from staging.events where session_id = 's2'")
    assert len(rows(check.sql)) == 1


def test_many_repetitions_in_one_file_stay_out_of_both_tables(load):
    text = "".join(
        f"2020-01-01 0{i % 10}:{i % 60:02}:00,purchase,p{i % 7},s{i % 300},1.50\n"
        for i in range(9000)
    )
    distinct = len(set(text.splitlines()))
    summary = load("a.csv", text)
    assert summary.rows_staged == distinct
    assert summary.rows_duplicate == 9000 - distinct
    assert rows("select count(*) from staging.order_lines") == [(distinct,)]


def test_a_shop_declares_what_differs(load):
    with pytest.raises(ContractError, match="missing from the header"):
        load("a.csv", A, delimiter=";")


def test_contracts_differ_by_reading():
    assert replace(CONTRACT, drift="freeze").contract_sha256 != CONTRACT.contract_sha256
