"""Case 11: three tickets that are three equal lines. What tells them apart decides, and where
nothing does, the money of what is left out is told."""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest

from ecorse.clean import opening, stream
from ecorse.ingest.dry import dry_load
from ecorse.ingest.load import load_file
from ecorse.ingest.shops import Shop
from ecorse.sources.mappings.source import read_mapping
from ecorse.warehouse.connect import connect
from ecorse.warehouse.lock import writer

FILES = Path(__file__).parent.parent / "fixtures" / "cases" / "11"
SHOP = Shop(shop_id="main", shop_name="Main", time_zone="Europe/Berlin", currency="EUR", sources=())
LINES = """
about = "Plain order lines."
table = "order_lines"
columns = [
  { name = "order", target = "order_id" },
  { name = "sku", target = "product_id" },
  { name = "item", target = "product_name" },
  { name = "category", target = "category" },
  { name = "qty", target = "quantity", type = "integer" },
  { name = "price", target = "unit_price", type = "decimal" },
  { name = "time", target = "ordered_local", type = "timestamp", formats = ["%Y-%m-%d %H:%M"] },
  { name = "customer", target = "customer_id" },
  { name = "status", target = "status" },
]
"""
NAMED = LINES.replace("columns = [", 'columns = [\n  { name = "line_id" },')
IGNORED = LINES.replace("columns = [", 'columns = [\n  { name = "line_id", ignore = true },')


@pytest.fixture
def load(warehouse, tmp_path):
    """Loads a file by a mapping; check must have said the same of every row and of the money."""

    def run(path: Path, mapping: str):
        (tmp_path / "tickets.toml").write_text(mapping)
        source = read_mapping(tmp_path / "tickets.toml")
        with writer("ingest:main:tickets", "test") as fence:
            summary = load_file(path, shop=SHOP, source=source, fence=fence)
        dry = dry_load(path, source, SHOP, keep=False)
        assert dry.counted.rows_staged == summary.rows_staged
        assert dry.counted.rows_duplicate == summary.rows_duplicate
        assert dry.counted.money == summary.money
        assert dry.cleaner.warnings == summary.warnings
        return summary

    return run


@pytest.mark.parametrize("mapping", [NAMED, 'line_key = ["line_id"]' + NAMED])
def test_a_column_that_is_named_tells_lines_apart(load, mapping):
    summary = load(FILES / "orders.csv", mapping)
    assert (summary.rows_staged, summary.rows_duplicate) == (4, 0)
    assert summary.money_staged == Decimal("125.00")
    assert not summary.warnings


def test_a_column_that_is_not_named_does_not_and_the_load_says_so(load):
    summary = load(FILES / "orders.csv", LINES)
    assert (summary.rows_staged, summary.rows_duplicate) == (2, 2)
    assert (summary.money_staged, summary.money["duplicate_in_file"]) == (45, 80)
    (unknown, dropped) = summary.warnings
    assert "'line_id'" in unknown
    assert "2 rows were taken for repeats" in dropped
    assert "'line_id'" in dropped
    assert "80.00 EUR" in dropped


def test_a_column_to_be_ignored_does_not_and_nothing_is_said(load):
    summary = load(FILES / "orders.csv", IGNORED)
    assert (summary.rows_staged, summary.warnings) == (2, [])


@pytest.mark.parametrize(
    ("repeats", "staged", "money", "left_out"),
    [("drop", 2, 45, 80), ("keep", 4, 125, 0), ("flag", 4, 125, 0)],
)
def test_without_such_a_column_the_source_says_what_repeats_are(
    load, repeats, staged, money, left_out
):
    summary = load(FILES / "without_line_id.csv", f'repeats = "{repeats}"\n{LINES}')
    assert (summary.rows_staged, summary.money_staged) == (staged, money)
    assert summary.money.get("duplicate_in_file", 0) == left_out
    told = "2 duplicate (80.00 EUR)" if left_out else "0 duplicate"
    assert told in summary.sentence()
    with connect() as conn:
        kept = conn.execute("select flags from staging.order_lines order by source_line").fetchall()
        said = conn.execute("select money ->> 'duplicate_in_file' from ops.load").fetchone()
    marked = [(None,), (["repeated_line"],), (["repeated_line"],), (None,)]
    assert kept == (marked if repeats == "flag" else [(None,)] * staged)
    assert said == ("80.0000" if left_out else None,)


@pytest.mark.parametrize("block_bytes", [200, 4_000])
@pytest.mark.parametrize("repeats", ["drop", "flag"])
def test_repeats_far_apart_are_told_the_same_by_check_and_load(
    load, tmp_path, monkeypatch, repeats, block_bytes
):
    """A sibling: the equal lines stand blocks apart, some differ in an unnamed column."""
    monkeypatch.setattr(opening, "open_text", partial(stream.open_text, block_bytes=block_bytes))
    rows = [
        f"D{n % 30},T1,Ticket,Events,1,2.50,2024-05-01 10:00,k1,sold,{n % 7}" for n in range(90)
    ]
    path = tmp_path / "tickets.csv"
    path.write_text(
        "\n".join(("order,sku,item,category,qty,price,time,customer,status,run", *rows, ""))
    )
    summary = load(path, f'repeats = "{repeats}"\n{LINES}')
    # 30 orders, each of whose lines stands there three times, with run n, n + 2 and n + 4 (mod 7)
    if repeats == "drop":
        assert (summary.rows_staged, summary.rows_duplicate) == (30, 60)
        assert summary.money["duplicate_in_file"] == Decimal("150.00")
        assert any("60 rows were taken for repeats" in w for w in summary.warnings)
    else:
        assert (summary.rows_staged, summary.counts["flagged"]) == (90, {"repeated_line": 60})
        with connect() as conn:
            marked = conn.execute(
                "select min(source_line), max(source_line), count(*) from staging.order_lines "
                "where flags is not null"
            ).fetchone()
        assert marked == (32, 91, 60)
