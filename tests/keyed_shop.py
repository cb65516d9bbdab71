"""A source whose lines have a key, with shipping that an order states beside its lines.

What belongs here: what tests of such lines share. What does not: what they expect.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from ecorse.ingest.load import load_file
from ecorse.ingest.shops import Shop
from ecorse.ingest.summary import LoadSummary
from ecorse.refresh.builds import opened
from ecorse.refresh.relations import staging_at
from ecorse.sources.mappings.source import MappingSource, read_mapping
from ecorse.warehouse.connect import connect
from ecorse.warehouse.lock import writer

SHOP = Shop(shop_id="main", shop_name="Main", time_zone="Europe/Berlin", currency="EUR", sources=())
HEADER = "key,order,sku,qty,price,status,shipping\n"
MAPPING = """
about = "Order items with a key."
table = "order_lines"
taken_back_rows = "returns"
LINE_KEY
columns = [
  { name = "key" },
  { name = "order", target = "order_id" },
  { name = "sku", target = "product_id" },
  { name = "qty", target = "quantity", type = "integer" },
  { name = "price", target = "unit_price", type = "decimal", decimal = "." },
  { name = "status", target = "status" },
  { name = "shipping", type = "decimal", decimal = ".", required = false },
]
[constants]
ordered_local = "2024-05-01"
[[also]]
kind = "shipping"
amount = "shipping"
once_per = "order_id"
"""
VOID = '[[leave_out]]\nid = "void"\nwhen = "status = \'void\'"\n'


def keyed_source(folder: Path, line_key: str = 'line_key = ["key"]') -> MappingSource:
    """The source, which leaves rows out that are void, or one of the same columns without key."""
    path = folder / ("items.toml" if line_key else "items_without_key.toml")
    path.write_text(MAPPING.replace("LINE_KEY", line_key) + (VOID if line_key else ""))
    return read_mapping(path)


def load(path: Path, source: MappingSource, **options: object) -> LoadSummary:
    """Load a file of the shop."""
    with writer(f"ingest:main:{source.name}", "test") as fence:
        return load_file(path, shop=SHOP, source=source, fence=fence, **options)


def write(path: Path, rows: Iterable[str]) -> Path:
    """A file of these rows."""
    path.write_text(HEADER + "".join(f"{row}\n" for row in rows))
    return path


def open_build(known_by: datetime | None = None) -> int:
    """A build of what is known, opened and left as it is."""
    with opened(as_of=None, known_by=known_by, holder="test") as build:
        return build


def counted(build: int | None = None) -> list[tuple]:
    """Lines that a build counts: kind, order, product, pieces, price, status."""
    build = open_build() if build is None else build
    with connect() as conn:
        return conn.execute(
            "select line_kind, order_id, product_id, quantity, unit_price::float, status "
            f"from {staging_at('order_lines', str(build))} as s order by 1, 2, 3, 4, 5"
        ).fetchall()


def money(build: int) -> Decimal:
    """What they are worth."""
    with connect() as conn:
        row = conn.execute(
            "select coalesce(sum(coalesce(line_amount, quantity * unit_price)), 0) "
            f"from {staging_at('order_lines', str(build))} as s"
        ).fetchone()
    assert row is not None
    return row[0]
