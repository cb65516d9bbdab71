"""A simulated shop's files: every format holds the same orders, and exactly the dirt it says.

What belongs here: files read back by the plainest means. What does not: loading them
(``tests/origins/test_simulate_loads.py``).
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import subprocess
import sys
from collections import defaultdict
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from ecorse.errors import ConfigError
from ecorse.simulate import CLEAN, Dirt, Plan, simulate_shop
from ecorse.simulate.formats import format_names, get_format

PLAN = Plan(seed=5, customers=150, orders=1_500, events=9_000)
TWO_MONTHS = Plan(seed=5, customers=150, orders=300, events=1_500, days=59)
ZONE = ZoneInfo(PLAN.time_zone)


def read(folder: Path, name: str) -> list[dict[str, str]]:
    """All rows of a format's files, written without dirt."""
    form = get_format(name)
    rows: list[dict[str, str]] = []
    for path in sorted(p for p in folder.iterdir() if p.name.lower().startswith("simulated_")):
        text = path.read_bytes().decode(form.encoding)
        rows += csv.DictReader(io.StringIO(text, newline=""), delimiter=form.delimiter)
    return rows


@pytest.fixture(scope="module")
def clean(tmp_path_factory) -> Path:
    """Every format of one shop without dirt, a folder each."""
    root = tmp_path_factory.mktemp("clean")
    for name in format_names():
        simulate_shop(root / name, PLAN, name, dirt=CLEAN)
    return root


def test_every_format_is_listed():
    assert format_names() == (
        "behaviour_events", "customer_personality", "online_retail", "products", "ratings",
        "rees46_events", "sales_csv",
    )  # fmt: skip
    with pytest.raises(ConfigError, match=r"no format 'xml'.*online_retail"):
        get_format("xml")


def test_the_same_orders_stand_in_all_formats(clean):
    """Units and money of each order, by three formats that know nothing of one another."""
    sales: dict[str, Decimal] = defaultdict(Decimal)
    for row in read(clean / "sales_csv", "sales_csv"):
        sales[row["Order ID"]] += int(row["Quantity Ordered"]) * Decimal(row["Price Each"])
    invoices: dict[str, Decimal] = defaultdict(Decimal)
    for row in read(clean / "online_retail", "online_retail"):
        if not row["InvoiceNo"].startswith("C") and row["StockCode"] != "POST":
            invoices[row["InvoiceNo"]] += int(row["Quantity"]) * Decimal(row["UnitPrice"])
    purchases: dict[str, Decimal] = defaultdict(Decimal)
    for row in read(clean / "rees46_events", "rees46_events"):
        if row["event_type"] == "purchase":
            purchases[row["user_session"]] += Decimal(row["price"])
    assert sales == invoices == purchases
    assert abs(len(sales) - 1_500) < 4 * 1_500**0.5


def test_an_order_has_one_minute_and_one_customer_in_all_formats(clean):
    events = {
        r["user_session"]: r
        for r in reversed(read(clean / "rees46_events", "rees46_events"))
        if r["event_type"] == "purchase"
    }
    for row in read(clean / "online_retail", "online_retail"):
        if row["InvoiceNo"].startswith("C"):
            continue
        event = events[row["InvoiceNo"]]
        at = datetime.strptime(event["event_time"], "%Y-%m-%d %H:%M:%S UTC")
        local = at.replace(tzinfo=ZoneInfo("UTC")).astimezone(ZONE)
        written = datetime.strptime(row["InvoiceDate"], "%m/%d/%Y %H:%M")
        assert written == local.replace(tzinfo=None, second=0)
        assert row["CustomerID"] in ("", event["user_id"])


def test_products_and_prices_are_those_of_the_catalogue(clean):
    catalogue = {r["product_id"]: r for r in read(clean / "products", "products")}
    assert len(catalogue) == 200
    assert all(r["brand"] in r["description"] for r in catalogue.values())
    december = sorted((clean / "rees46_events").glob("*2019-12*"))[0]
    for row in csv.DictReader(december.read_text().splitlines()):
        product = catalogue[row["product_id"]]
        assert Decimal(row["price"]) == Decimal(product["price"])
        assert row["category_code"] in ("", product["category_path"])
        assert row["brand"] in ("", product["brand"].lower())


def test_what_is_taken_back_was_sold_before(clean):
    rows = read(clean / "online_retail", "online_retail")
    sold = {(r["InvoiceNo"], r["StockCode"]): r for r in rows if not r["InvoiceNo"].startswith("C")}
    orders = {invoice for invoice, _ in sold}
    back = [r for r in rows if r["InvoiceNo"].startswith("C")]
    for row in back:
        sale = sold[row["InvoiceNo"][1:-1], row["StockCode"]]
        assert int(row["Quantity"]) == -int(sale["Quantity"])
        assert row["UnitPrice"] == sale["UnitPrice"]
        assert moment(row) > moment(sale)
    cancelled = {r["InvoiceNo"] for r in back if r["InvoiceNo"].endswith("0")}
    # 2 % of the orders, less those of the last three days
    assert abs(len(cancelled) - 0.02 * len(orders)) < 4 * (0.02 * len(orders)) ** 0.5


def moment(row: dict[str, str]) -> datetime:
    return datetime.strptime(row["InvoiceDate"], "%m/%d/%Y %H:%M")


def test_the_wide_customer_table_agrees_with_the_orders(clean):
    spent: dict[str, Decimal] = defaultdict(Decimal)
    for row in read(clean / "rees46_events", "rees46_events"):
        if row["event_type"] == "purchase":
            spent[row["user_id"]] += Decimal(row["price"])
    rows = read(clean / "customer_personality", "customer_personality")
    assert len(rows) == 150
    for row in rows:
        told = sum(int(value) for name, value in row.items() if name.startswith("Mnt"))
        assert spent[row["ID"]] - 6 < told <= spent[row["ID"]]  # six amounts, each rounded down
    assert len(rows[0]) == 29


def test_ratings_are_half_stars_of_what_was_bought(clean):
    bought = {
        (r["user_id"], r["product_id"])
        for r in read(clean / "rees46_events", "rees46_events")
        if r["event_type"] == "purchase"
    }
    rows = read(clean / "ratings", "ratings")
    assert rows
    assert {(r["userId"], r["movieId"]) for r in rows} <= bought
    assert {float(r["rating"]) * 2 for r in rows} <= set(range(1, 11))
    events = read(clean / "behaviour_events", "behaviour_events")
    kinds = {r["event_type"] for r in events}
    assert kinds == {"search", "click", "bookmark", "rating"}
    assert sum(r["event_type"] == "rating" for r in events) == len(rows)
    assert all(bool(r["query"]) == (r["event_type"] == "search") for r in events)


def test_every_row_is_marked(clean):
    marks = {
        "behaviour_events": ("session_id", "customer_id"),
        "customer_personality": ("ID",),
        "online_retail": ("InvoiceNo",),
        "products": ("product_id",),
        "ratings": ("userId", "movieId"),
        "rees46_events": ("user_session", "user_id", "product_id"),
        "sales_csv": ("Order ID",),
    }
    for name, columns in marks.items():
        for row in read(clean / name, name):
            for column in columns:
                assert row[column].removeprefix("C").startswith("SIM-")


@pytest.mark.parametrize("name", format_names())
def test_the_planted_dirt_is_there_to_the_line(tmp_path, name):
    form = get_format(name)
    dirt = Dirt(blank=0.02, header=0.01, duplicate=0.015, broken=0.03)
    simulate_shop(tmp_path, TWO_MONTHS, name, dirt=dirt)
    truth = json.loads((tmp_path / "truth.json").read_text())
    broken = pl.read_csv(tmp_path / "truth" / "broken_rows.csv")
    for told in truth["files"]:
        data = (tmp_path / told["file_name"]).read_bytes().decode(form.encoding)
        rows = data.split(form.line_end)
        assert rows.pop() == ""
        assert rows[0] == form.header
        assert len(rows) - 1 == told["data_rows"]
        blank = form.delimiter * (len(form.columns) - 1)
        assert rows.count(blank) == told["blank_rows"] == max(1, round(0.02 * told["clean_rows"]))
        assert rows.count(form.header) - 1 == told["repeated_headers"]
        real = [row for row in rows if row not in (blank, form.header)]
        assert len(real) - len(set(real)) == told["duplicate_rows"]
        of_file = broken.filter(file_name=told["file_name"])
        assert len(of_file) == sum(told["broken_rows"].values())
        for line, kind in of_file.select("source_line", "kind").iter_rows():
            tail = form.broken[kind].split("{id}")[1]
            assert rows[line - 1].endswith(tail)
            assert "SIM-X" in rows[line - 1]
        kept = told["data_rows"] - told["duplicate_rows"] - told["blank_rows"]
        kept -= told["repeated_headers"] + len(of_file)
        assert kept == told["clean_rows"]


def test_same_plan_same_bytes_in_another_process_with_other_threads(tmp_path):
    names = ("online_retail", "behaviour_events", "customer_personality", "products", "sales_csv")
    for name in names:
        simulate_shop(tmp_path / "a" / name, TWO_MONTHS, name)
    code = (
        "import sys; from pathlib import Path; from ecorse.simulate import Plan, simulate_shop\n"
        f"for name in {names}: simulate_shop(Path(sys.argv[1]) / name,"
        "Plan(seed=5, customers=150, orders=300, events=1_500, days=59), name)"
    )
    env = os.environ | {"POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1", "TZ": "Asia/Kolkata"}
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "b")], check=True, env=env)
    digests = [
        {
            str(p.relative_to(tmp_path / side)): sha256(p.read_bytes()).hexdigest()
            for p in (tmp_path / side).rglob("*.*")
            if p.is_file()
        }
        for side in "ab"
    ]
    assert digests[0] == digests[1]
    assert len(digests[0]) == 2 + 2 + 1 + 1 + 2 + 3 * len(names)


def test_compressed_and_typed_files_hold_the_same_rows(tmp_path):
    import zstandard

    simulate_shop(tmp_path / "plain", TWO_MONTHS, "rees46_events", dirt=CLEAN)
    plain = {p.name: p.read_bytes() for p in (tmp_path / "plain").glob("simulated_*")}
    for suffix in (".csv.gz", ".csv.zst", ".parquet"):
        files = simulate_shop(
            tmp_path / suffix, TWO_MONTHS, "rees46_events", suffix=suffix, dirt=CLEAN
        )
        assert len(files) == 2
        for file in files:
            path = tmp_path / suffix / file.file_name
            expected = plain[file.file_name.replace(suffix, ".csv")]
            if suffix == ".csv.gz":
                assert gzip.decompress(path.read_bytes()) == expected
            elif suffix == ".csv.zst":
                with path.open("rb") as packed:
                    assert zstandard.ZstdDecompressor().stream_reader(packed).read() == expected
            else:
                frame = pl.read_parquet(path)
                assert frame.columns == expected.decode().split("\n")[0].split(",")
                assert len(frame) == file.clean_rows == expected.count(b"\n") - 1
    with pytest.raises(ConfigError, match=r"no file type '\.xlsx'"):
        simulate_shop(tmp_path, PLAN, "products", suffix=".xlsx")


def test_the_truth_names_segments_pairs_peaks_and_months(clean):
    folder = clean / "online_retail"
    truth = json.loads((folder / "truth.json").read_text())
    assert truth["segments"] == {
        "daytime leisure": 42, "evening urgent": 39, "loyal": 21, "lapsing": 27, "new": 21
    }  # fmt: skip
    table = pl.read_csv(folder / truth["segments_table"])
    counted = {row["segment"]: row["len"] for row in table.group_by("segment").len().to_dicts()}
    assert counted == truth["segments"]
    assert truth["plan"]["store"] == "department"
    assert truth["segments_of"] == "customers"
    assert truth["peak_hours"] == [11, 15, 20]
    assert len(truth["month_index"]) == 12
    assert max(truth["month_index"], key=truth["month_index"].get) == "2019-12"
    names = {p["product_id"]: p for p in read(clean / "products", "products")}
    for pair in truth["pairs"]:
        assert names[pair["product_id"]]["product_name"] == pair["product"]


@pytest.mark.slow
def test_three_million_events_in_bounded_memory(tmp_path):
    code = (
        "import sys; from pathlib import Path; from ecorse.simulate import Plan, simulate_shop\n"
        "plan = Plan(customers=20_000, products=500, orders=200_000, events=3_000_000, days=31)\n"
        "files = simulate_shop(Path(sys.argv[1]), plan, 'rees46_events')\n"
        "peak = Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0]\n"
        "print(sum(f.clean_rows for f in files), int(peak) // 1024)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], check=True, capture_output=True, text=True
    )
    rows, mebibytes = map(int, done.stdout.split())
    assert abs(rows - 3_000_000) < 90_000
    assert mebibytes < 500
