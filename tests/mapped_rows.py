"""A mapping of a few columns over a few rows, and what becomes of their money.

What belongs here: what tests of mapped money share. What does not: what they expect.
"""

from __future__ import annotations

from decimal import Decimal

import polars as pl

from ecorse.ingest.shops import Shop
from exports import SIGNED

SHOP = Shop(shop_id="main", shop_name="Main", time_zone="Europe/Berlin", currency="EUR", sources=())
MAPPING = """
about = "Lines with values beside them."
table = "order_lines"
{head}
columns = [
  {{ name = "order", target = "order_id" }},
  {{ name = "sku", target = "product_id" }},
  {{ name = "day", target = "ordered_local", type = "timestamp", formats = ["%Y-%m-%d"] }},
  {{ name = "qty", target = "quantity", type = "integer" }},
  {columns}
]
{tail}
"""
TOTAL = '{ name = "total", target = "line_total", type = "decimal" },'
PRICE = '{ name = "price", target = "unit_price", type = "decimal" },'
STATUS = '{ name = "status", target = "status" },'
RETURNS = 'taken_back_rows = "returns"\n'
FEE = '{ name = "fee", type = "decimal" },'
SHIPPING = '[[also]]\nkind = "shipping"\namount = "fee"\n'
TAX = '[[also]]\nkind = "tax"\namount = "fee"\n'


def beside(dry) -> pl.DataFrame:
    return dry.companions.get("order_lines", pl.DataFrame())


def worth(dry) -> dict[str, Decimal]:
    """What each order is worth in the marts, by the sign that these give a line."""
    lines = pl.concat([f for f in (dry.rows, beside(dry)) if f.width], how="diagonal_relaxed")
    totals = lines.group_by("order_id").agg(SIGNED.sum().alias("money")).sort("order_id")
    return dict(totals.iter_rows())


def told(dry) -> list[tuple[int, str]]:
    return dry.rejected.select("source_line", "rule").rows()
