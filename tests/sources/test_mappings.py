"""Mapping files: what they may say, what becomes of rows, and proposing one."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from ecorse.errors import ConfigError
from ecorse.ingest.check import check_file
from ecorse.ingest.shops import Shop

SHOP = Shop(shop_id="main", shop_name="Main", time_zone="Europe/Berlin", currency="EUR", sources=())
ORDERS = """
about = "Orders"
table = "order_lines"
delimiter = ";"
customer_rungs = ["id", "email"]
columns = [
  { name = "Bestellung", target = "order_id" },
  { name = "Artikel", target = "product_name" },
  { name = "Menge", target = "quantity", type = "integer" },
  { name = "Preis", target = "unit_price", type = "decimal" },
  { name = "Datum", target = "ordered_local", type = "timestamp", formats = ["%d.%m.%Y %H:%M"] },
  { name = "Mail", target = "customer_email" },
  { name = "Zustand", target = "status" },
]
[values.status]
storniert = "cancelled"
verkauft = "sold"
"""
HEADER = "Bestellung;Artikel;Menge;Preis;Datum;Mail;Zustand\n"


def rows_of(source, path):
    """The canonical rows of a file, through the whole cleaning."""
    from ecorse.clean.cleaner import Cleaner

    source = source.bind(path.parent)
    with path.open("rb") as file:
        cleaner = Cleaner(
            file, 100, source=source, shop=SHOP, file_name=path.name,
            max_record_bytes=1 << 20, reject_limit_share=0.05,
        )  # fmt: skip
        blocks = list(cleaner)
    return [row for block in blocks for row in block.lines.rows(named=True)], blocks


def test_rows_of_a_mapping(mapping, tmp_path):
    path = tmp_path / "o.csv"
    path.write_text(
        HEADER + "A1;Roter  Schuh;2;19.50;31.12.2019 23:30;Eva@Example.org ;verkauft\n"
        "A1;Roter Schuh;-1;19.50;31.12.2019 23:30;eva@example.org;storniert\n"
        "A2;Hut;eins;5;31.12.2019 23:30;;verkauft\n"
    )
    rows, blocks = rows_of(mapping(ORDERS), path)
    first, second = rows
    assert (first["order_id"], first["product_id"], first["quantity"]) == ("A1", "roter-schuh", 2)
    assert first["unit_price"] == Decimal("19.5000")
    assert first["ordered_local"] == datetime(2019, 12, 31, 23, 30)
    assert first["ordered_at"] == datetime(2019, 12, 31, 22, 30, tzinfo=UTC)
    assert (first["status"], second["status"]) == ("sold", "cancelled")
    assert (first["currency"], first["shop_id"]) == ("EUR", "main")
    # the same person, however the address is written
    assert first["customer_id"] == second["customer_id"]
    assert first["customer_id"].startswith("email-")
    assert "eva" not in first["customer_id"]
    assert first["customer_key_kind"] == "email"
    assert blocks[0].rejected["rule"].to_list() == ["quantity_invalid"]


@pytest.mark.parametrize(
    "form", ["%a %b %d %Y %H:%M:%S GMT%z", "%d.%m.%Y %H:%M UTC%z", "%Y-%m-%d %H:%M:%S %z UTC"]
)
def test_an_offset_tells_the_instant_whatever_text_stands_beside_it(mapping, form):
    """``Fri Mar 01 2024 23:30:00 GMT+0100`` is how JavaScript writes a time."""
    assert mapping(ORDERS.replace('["%d.%m.%Y %H:%M"]', f'["{form}"]'))


@pytest.mark.parametrize("form", ["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M UTC", "%FT%TZ"])
def test_a_z_that_is_mere_text_says_utc_and_nothing_else(mapping, form):
    """2024-03-01T23:30:00Z on the shop's clock would be another day."""
    text = ORDERS.replace('["%d.%m.%Y %H:%M"]', f'["{form}"]')
    with pytest.raises(ConfigError, match=r"'Datum'.* as mere text.*write %z"):
        mapping(text)
    with pytest.raises(ConfigError, match="as mere text"):
        mapping(text.replace(f'["{form}"]', f'["{form}"], zone = "Europe/Berlin"'))
    assert mapping(text.replace(f'["{form}"]', f'["{form}"], zone = "UTC"'))
    assert mapping(text.replace("columns = [", 'zone = "UTC"\ncolumns = [', 1))


def test_every_mistake_of_a_mapping_is_told_at_once(mapping):
    text = ORDERS.replace('target = "product_name"', 'target = "produkt"').replace(
        'formats = ["%d.%m.%Y %H:%M"]', "formats = []"
    )
    with pytest.raises(ConfigError) as told:
        mapping(text)
    message = str(told.value)
    assert "orders.toml: 3 mistakes" in message
    assert "target 'produkt': staging.order_lines has no such column" in message
    assert "no column fills 'product_id' or 'product_name'" in message
    assert "column 'Datum'" in message


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("about = 'x", "not valid TOML"),
        (ORDERS.replace('table = "order_lines"', 'table = "orders"'), "table"),
        (ORDERS.replace("Menge", "Menge").replace('type = "integer"', 'type = "int"'), "columns"),
        (ORDERS + "[colour]\nx = 1\n", "colour"),
        (ORDERS.replace('target = "quantity", type = "integer"', 'target = "quantity"'),
         "quantity has the type 'integer', not 'text'"),
        ("about = 'x'\ntable = 'customers'\ncolumns = [{ name = 'ID', target = 'customer_id' },\n"
         "{ name = 'May', target = 'attributes.marketing_consent' }]\n",
         "'May' fills attributes.marketing_consent.*needs type = \"boolean\""),
    ],
)  # fmt: skip
def test_a_mapping_that_says_nonsense(mapping, text, told):
    with pytest.raises(ConfigError, match=told):
        mapping(text)


def test_what_staging_cannot_hold_is_a_reject(mapping, tmp_path):
    path = tmp_path / "o.csv"
    path.write_text(
        HEADER + "A1;Hut;99999999999;5;31.12.2019 23:30;;verkauft\n"
        "A2;Hut;1;5;31.12.2019 23:30;;verschenkt\nA3;Hut;1;5;31.12.2019 23:30;;\n"
    )
    rows, blocks = rows_of(mapping(ORDERS), path)
    assert [(r["order_id"], r["status"]) for r in rows] == [("A3", "sold")]
    assert blocks[0].rejected["rule"].to_list() == ["quantity_too_large", "status_unknown"]


def test_a_check_names_line_column_and_value(mapping, tmp_path):
    mapping(ORDERS)
    path = tmp_path / "o.csv"
    path.write_text(HEADER + "A1;Hut;2;x;31.12.2019 23:30;;verkauft\nA1;Hut\n")
    checked = check_file(path, "orders", SHOP)
    assert not checked.is_pass
    assert [(p.line, p.rule, p.column) for p in checked.problems] == [
        (2, "unit_price_invalid", "Preis"),
        (3, "field_count", None),
    ]
    assert "Preis is 'x'" in checked.problems[0].sentence
    path.write_text(HEADER + "A1;Hut;2;3;31.12.2019 23:30;;verkauft\n")
    assert check_file(path, "orders", SHOP).is_pass
    path.write_text("a;b\n1;2\n")
    assert "missing from the header" in check_file(path, "orders", SHOP).refusal


def test_attributes_are_typed(mapping, tmp_path):
    source = mapping(
        """
        about = "People"
        table = "customers"
        columns = [
          { name = "id", target = "customer_id" },
          { name = "income", target = "attributes.income", type = "decimal" },
          { name = "since", target = "attributes.since", type = "date", formats = ["%d-%m-%Y"] },
          { name = "kids", target = "attributes.kids", type = "integer" },
          { name = "vip", target = "attributes.is_vip", type = "boolean" },
        ]
        """,
        "people",
    )
    path = tmp_path / "p.csv"
    path.write_text("id,income,since,kids,vip\n1,10.50,03-04-2012,2,1\n2,,04-04-2012,0,no\n")
    rows, _ = rows_of(source, path)
    first, second = (json.loads(r["attributes"]) for r in rows)
    assert float(first.pop("income")) == 10.5
    assert first == {"since": "2012-04-03", "kids": 2, "is_vip": True}
    assert second == {"income": None, "since": "2012-04-04", "kids": 0, "is_vip": False}
