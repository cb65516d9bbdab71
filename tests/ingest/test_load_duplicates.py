"""Of equal lines the first is staged, wherever the others stand: beside it, blocks later, or in
another file; lines that only look alike all stay.

Blocks are made small, so that a short file has many. What is expected is worked out from the text
by the standard library.
"""

from __future__ import annotations

import os
from functools import partial
from itertools import chain

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecorse.clean import opening, stream
from ecorse.clean.duplicates import SeenRows
from ecorse.ingest import work_tables
from ecorse.ingest.dry import dry_load
from ecorse.ingest.load import load_file
from ecorse.ingest.one_file import clean_file
from ecorse.ingest.shops import Shop
from ecorse.sources import get_source
from ecorse.warehouse.connect import connect
from ecorse.warehouse.lock import writer

FILES = int(os.environ.get("ECORSE_TEST_FILES", "25"))
HEADER = "Order ID,Product,Quantity Ordered,Price Each,Order Date,Purchase Address\n"
SHOP = Shop(
    shop_id="main", shop_name="Main", time_zone="America/New_York", currency="USD", sources=()
)
# few of each, so that lines repeat often, and share order, product and time oftener still
SALES = st.tuples(
    st.integers(1, 3), st.sampled_from(["iPhone", "AA Batteries (4-pack)"]), st.integers(1, 2),
    st.sampled_from(["7", "7.5"]), st.sampled_from(["04/19/19 08:46", "04/20/19 08:46"]),
    st.sampled_from(["", '"1 Elm St, Austin, TX 73301"', "nowhere"]),
).map(lambda cells: ",".join(map(str, cells)))  # fmt: skip
LINES = "select order_id, product_name, quantity, unit_price::float, to_char(ordered_local, "
LINES += "'MM/DD/YY HH24:MI'), address, source_line from staging.{} where load_id = %s"


@pytest.fixture
def load(warehouse, tmp_path, monkeypatch):
    """Loads lines, read in blocks of so many bytes; gives the summary."""

    def run(name, lines, block_bytes=stream.BLOCK_BYTES):
        monkeypatch.setattr(
            opening, "open_text", partial(stream.open_text, block_bytes=block_bytes)
        )
        path = tmp_path / name
        path.write_text(HEADER + "".join(f"{line}\n" for line in lines))
        with writer("ingest:main:sales_csv", "test") as fence:
            return load_file(path, shop=SHOP, source=get_source("sales_csv"), fence=fence)

    return run


def staged(load_id: int, table: str = "order_lines") -> dict[tuple, int]:
    """Each line of a load in a table, with the number of the line it stood on."""
    with connect() as conn:
        rows = conn.execute(LINES.format(table), (load_id,)).fetchall()
    found = {tuple(cells): line for *cells, line in rows}
    assert len(found) == len(rows)
    return found


def first_lines(lines: list[str]) -> dict[tuple, int]:
    """What the lines say, with the number of the first that says it (the header is line 1)."""
    said: dict[tuple, int] = {}
    for number, line in enumerate(lines, 2):
        order, product, quantity, price, at, address = line.split(",", 5)
        where = address.strip('"') or None
        said.setdefault((order, product, int(quantity), float(price), at, where), number)
    return said


@settings(
    max_examples=FILES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    st.lists(SALES, min_size=1, max_size=40),
    st.lists(SALES, min_size=1, max_size=40),
    st.integers(100, 900),
)
def test_of_equal_lines_the_first_is_staged(load, tmp_path, earlier, later, block_bytes):
    with connect() as conn:
        conn.execute("truncate staging.order_lines, staging.repeated_order_lines, ops.load cascade")
    first = load("a.csv", earlier, block_bytes)
    dry = dry_load(tmp_path / "a.csv", get_source("sales_csv"), SHOP, keep=False).counted
    assert (dry.rows_staged, dry.counts) == (first.rows_staged, first.counts)
    assert dry.money == first.money
    held = first_lines(earlier)
    assert staged(first.load_id) == held
    assert first.rows_duplicate == len(earlier) - len(held)

    second = load("b.csv", later, block_bytes)
    if second.is_skipped:
        assert later == earlier
        return
    said = first_lines(later)
    assert staged(second.load_id) == {k: v for k, v in said.items() if k not in held}
    assert staged(second.load_id, "repeated_order_lines") == {
        k: v for k, v in said.items() if k in held
    }
    across = len(said.keys() & held.keys())
    assert second.rows_staged == len(said) - across
    assert second.rows_duplicate == len(later) - second.rows_staged
    assert second.counts.get("duplicate", {}).get("duplicate_across_files", 0) == across


def sale(number: int, quantity: int = 1) -> str:
    return f'{number},iPhone,{quantity},700,04/19/19 08:46,"1 Elm St, Austin, TX 73301"'


@pytest.fixture
def fetched(monkeypatch):
    """The lines that loads asked the streams for, a list per load."""
    asked = []

    def note(conn, streams, table, load_id, lines):
        parts = list(lines)
        asked.append(sorted(chain.from_iterable(part.tolist() for part in parts)))
        return original(conn, streams, table, load_id, parts)

    original = work_tables.fetch_possible_originals
    monkeypatch.setattr(work_tables, "fetch_possible_originals", note)
    return asked


def test_lines_repeated_beside_each_other_need_no_look_at_the_load(load, fetched):
    lines = [sale(n) for n in range(200) for _ in range(1 + (n % 50 == 0))]
    assert load("a.csv", lines).rows_duplicate == 4
    assert fetched == []


def test_only_the_lines_that_may_be_repeated_are_asked_for(load, fetched):
    # lines 2 to 201; later the sixth again, and the eighth with another quantity
    lines = [sale(n) for n in range(200)] + [sale(5), sale(7, quantity=2), sale(5)]
    found = load("a.csv", lines, block_bytes=2000)
    assert (found.rows_staged, found.rows_duplicate) == (201, 2)
    assert fetched == [[7, 9]]


def test_lines_suspected_in_vain_are_staged_and_nothing_is_read(load, fetched, monkeypatch):
    # a filter that has seen everything suspects every line
    monkeypatch.setattr(SeenRows, "_meet", lambda self, value: value == value)
    found = load("a.csv", [sale(n) for n in range(50)])
    assert (found.rows_staged, found.rows_duplicate) == (50, 0)
    assert fetched in ([], [[]])


def test_a_file_cleaned_without_a_database_has_the_lines_that_a_load_stages(load, tmp_path):
    lines = [sale(1), sale(1, quantity=2), sale(2), sale(1), sale(2), sale(1, quantity=2)]
    summary = load("a.csv", lines)
    cleaned = clean_file(
        tmp_path / "a.csv", "sales_csv", time_zone="America/New_York", currency="USD"
    )
    assert cleaned.rows["source_line"].tolist() == [2, 3, 4]
    assert sorted(staged(summary.load_id).values()) == [2, 3, 4]
    assert (cleaned.account["rows"], cleaned.account["duplicate"]) == (3, 3)
