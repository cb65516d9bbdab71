"""Case 28: lines that differ in their number only, which the mapping names without a target."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from ecorse.ingest.dry import dry_load
from ecorse.ingest.load import load_file
from ecorse.ingest.shops import Shop
from ecorse.sources.mappings.source import read_mapping
from ecorse.warehouse.lock import writer

FILE = Path(__file__).parent.parent / "fixtures" / "cases" / "28" / "items.csv"
SHOP = Shop(shop_id="main", shop_name="Main", time_zone="Europe/Berlin", currency="EUR", sources=())
MAPPING = """
about = "Order items."
table = "order_lines"
columns = [
  { name = "order_id", target = "order_id" },
  { name = "order_item_id" },
  { name = "product_id", target = "product_id" },
  { name = "shipping_limit_date", target = "ordered_local", type = "timestamp", formats = FORMATS },
  { name = "price", target = "unit_price", type = "decimal" },
]
[constants]
quantity = 1
"""


@pytest.mark.parametrize("key", ["", 'line_key = ["order_id", "order_item_id"]\n'])
def test_every_item_is_a_line_and_check_says_so_too(warehouse, tmp_path, key):
    (tmp_path / "items.toml").write_text(key + MAPPING.replace("FORMATS", '["%Y-%m-%d %H:%M:%S"]'))
    source = read_mapping(tmp_path / "items.toml")
    with writer("ingest:main:items", "test") as fence:
        summary = load_file(FILE, shop=SHOP, source=source, fence=fence)
    assert (summary.rows_staged, summary.money_staged) == (3, Decimal("30.00"))
    counted = dry_load(FILE, source, SHOP, keep=False).counted
    assert (counted.rows_staged, counted.money_staged) == (3, Decimal("30.00"))
