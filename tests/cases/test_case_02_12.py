"""Case 02: ids that a spreadsheet has shortened. Case 12: texts that COPY treats specially."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from ecorse.ingest.load import load_file
from ecorse.ingest.shops import Shop
from ecorse.sources.mappings.source import read_mapping
from ecorse.warehouse.connect import connect
from ecorse.warehouse.lock import writer

FILES = Path(__file__).parent.parent / "fixtures" / "cases"


def test_case_02_shortened_ids_are_refused_and_never_merged(read):
    found = read(
        FILES / "02-excel-scientific-ids" / "orders.csv", "sales_csv",
        currency="USD", zone="America/New_York",
    )  # fmt: skip
    assert found.rows["order_id"].to_list() == ["202410000077"]
    assert {line: rule for line, (rule, _) in found.refused.items()} == dict.fromkeys(
        (2, 3, 4, 5), "order_id_shortened"
    )
    assert "export it as text" in found.refused[2][1]


def test_case_02_zips_that_lost_their_zero_are_counted(read):
    content = (
        "Order ID,Product,Quantity Ordered,Price Each,Order Date,Purchase Address\n"
        '1,Lamp,1,20.00,03/04/24 10:15,"9 Oak St, Dover, NH 3820"\n'
        '2,Lamp,1,20.00,03/04/24 10:15,"9 Oak St, Dover, NH 03820"\n'
    )
    found = read(content, "sales_csv", currency="USD", zone="America/New_York")
    assert any(note.startswith("1 rows have a zip code") for note in found.notes)
    assert found.rows["postal_code"].to_list() == [None, "03820"]


@pytest.mark.parametrize(
    ("column", "text", "is_refused"),
    [
        ("order", "2.0241E+11", True),
        ("order", "2E+05", True),
        ("order", "2,0241E+11", True),
        ("order", "A2.0E+11", False),
        ("order", "E+11", False),
        ("sku", "4.00554E+12", True),
        ("sku", "9E+3X", False),
    ],
)
def test_siblings_of_shortened_ids(read, mapping, column, text, is_refused):
    row = {"order": "A", "sku": "p"} | {column: f'"{text}"'}
    content = f"order,sku,qty,price,time\n{row['order']},{row['sku']},1,5,2024-05-01 10:00\n"
    assert bool(read(content, mapping()).refused) == is_refused


def test_a_customer_and_a_line_key_are_ids_as_well(read, mapping):
    more = '  { name = "customer", target = "customer_id" },\n'
    content = "order,sku,qty,price,time,customer\nA,p,1,5,2024-05-01 10:00,7.7E+9\n"
    (refused,) = read(content, mapping(more=more)).refused.values()
    assert refused[0] == "customer_id_shortened"


def test_case_12_texts_arrive_as_they_are(warehouse):
    source = read_mapping(FILES / "12-copy-special-text" / "lines.toml")
    shop = Shop(shop_id="main", shop_name="M", time_zone="UTC", currency="EUR", sources=())
    with writer("ingest:main:lines", "test") as fence:
        path = FILES / "12-copy-special-text" / "orders.csv"
        summary = load_file(path, shop=shop, source=source, fence=fence)
    assert summary.rows_staged == 4
    assert summary.money_staged == Decimal("4.00")
    with connect() as conn:
        rows = conn.execute(
            "select product_id, product_name, category, customer_id from staging.order_lines "
            "order by source_line"
        ).fetchall()
    assert rows == [
        ("\\.", "\\.", "Home", "\\N"),
        ("\\N", "\\N", "\\N", "k1"),
        ("tab\there", "back\\slash\\", "Home", "NULL"),
        ("a\\x41", 'two\nlines "quoted"', "Home", "{1,2}"),
    ]
    assert any("looks like none" in warning for warning in summary.warnings)
