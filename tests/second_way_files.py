"""The lines of two formats by the csv module, dirt left out by the simulator's own books.

What belongs here: reading these files without Ecorse. What does not: figures (``second_way``).
"""

from __future__ import annotations

import csv
import io
import re
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from second_way import Line, distinct


def rows_of(folder: Path, encoding: str) -> list[tuple[str, ...]]:
    """The good rows of the export, each once: without what is blank or the books call broken."""
    books, broken = folder / "truth" / "broken_rows.csv", set()
    if books.exists():
        with books.open() as file:
            broken = {(row["file_name"], int(row["source_line"])) for row in csv.DictReader(file)}
    rows = []
    for path in sorted(folder.glob("*.csv")):
        lines = path.read_bytes().decode(encoding).splitlines()
        for number, text in enumerate(lines, start=1):
            (row,) = csv.reader(io.StringIO(text)) if text.strip() else [[]]
            if any(row) and text != lines[0] and (path.name, number) not in broken:
                rows.append(tuple(row))
    return distinct(rows)


def sales_csv(folder: Path, product_ids: dict[str, str]) -> list[Line]:
    lines = []
    for row in rows_of(folder, "utf-8"):
        order, name, pieces, price, at, address = (text.strip() for text in row)
        city, region = re.fullmatch(r".+, (.+), ([A-Z]{2}) \d{5}", address).groups()
        when = datetime.strptime(at, "%m/%d/%y %H:%M")
        lines.append(Line(order, product_ids[name], name, "product", "sold", int(pieces),
                          Decimal(price), when, None, city, region, "US"))  # fmt: skip
    return lines


def online_retail(folder: Path, product_ids: dict[str, str]) -> list[Line]:
    lines = []
    for row in rows_of(folder, "latin-1"):
        order, code, name, pieces, at, price, customer, country = (text.strip() for text in row)
        kind = "shipping" if code == "POST" else "product"
        status = "cancelled" if order.startswith("C") else "sold"
        when = datetime.strptime(at, "%m/%d/%Y %H:%M")
        lines.append(Line(order, code, name, kind, status, int(pieces), Decimal(price), when,
                          customer or None, country=country))  # fmt: skip
    return lines
