"""Writing a platform's files: its export, its own report, and the books as truth beside them.

What belongs here: files and folders. What does not: what stands in them (one module per platform),
the books (``books.py``).
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ecorse.atomic import replace_atomically
from ecorse.simulate.dirt import CLEAN
from ecorse.simulate.plan import Plan
from ecorse.simulate.platforms import get_platform
from ecorse.simulate.platforms.books import CALENDARS, MEASURES, Books
from ecorse.simulate.platforms.draw_books import draw_books
from ecorse.simulate.platforms.tables import table
from ecorse.simulate.shop import Shop
from ecorse.simulate.write_truth import TRUTH_FOLDER, WrittenFile, write_truth

REPORT_FOLDER = "report"
BOOKS_BY_DAY = "books_by_day.csv"


def simulate_platform(folder: Path, plan: Plan, name: str) -> Books:
    """Write a shop's export from one platform, the platform's report, and the shop's books.

    The export stands in ``folder`` (its files begin with ``simulated_``, but those that a mapping
    looks things up in), the report in ``report/``, the books in ``truth/books_by_day.csv`` and as
    totals in ``truth.json``. The same plan gives the same bytes.

    Raises
    ------
    ConfigError
        There is no such platform.
    DiskFull
        The disk has no space left for a file.
    """
    platform = get_platform(name)
    shop = Shop(plan)
    books = draw_books(shop, platform.habits)
    for place in (folder, folder / REPORT_FOLDER, folder / TRUTH_FOLDER):
        place.mkdir(parents=True, exist_ok=True)
    written, broken = [], []
    for file_name, content in platform.export(books).items():
        _write(folder / file_name, content)
        if file_name.startswith("simulated_"):
            rows = list(_refused(content, books, file_name, platform.is_no_sale))
            broken += rows
            written.append(_described(file_name, content, rows, platform.no_sales(books)))
    for file_name, content in platform.report(books).items():
        _write(folder / REPORT_FOLDER / file_name, content)
    _write(folder / TRUTH_FOLDER / BOOKS_BY_DAY, _by_day(books))
    write_truth(
        folder,
        shop,
        name,
        CLEAN,
        written,
        broken,
        names_customers=platform.names_customers,
        books={"currency": books.currency, "orders": len(books.counted)}
        | {measure: str(amount) for measure, amount in books.totals().items()},
    )
    return books


def _write(path: Path, content: bytes) -> None:
    with replace_atomically(path) as file:
        file.write(content)


def _by_day(books: Books) -> bytes:
    """The books as a table: each measure of each day, on both calendars."""
    rows = [
        {"calendar": calendar, "day": day.isoformat(), **measures}
        for calendar in CALENDARS
        for day, measures in books.by_day(calendar).items()
    ]
    return table(("calendar", "day", *MEASURES), rows)


def _records(content: bytes) -> Iterator[tuple[int, list[str]]]:
    """The records of an export with the number of the line each begins on."""
    text = content.decode("utf-8-sig", errors="replace")
    delimiter = "\t" if "\t" in text.partition("\n")[0] else ","
    file, begins = io.StringIO(text, newline=""), 1
    if delimiter == "\t":
        reader = csv.reader(file, delimiter=delimiter, quoting=csv.QUOTE_NONE)
    else:
        reader = csv.reader(file)
    for record in reader:
        yield begins, record
        begins = reader.line_num + 1


def _refused(
    content: bytes, books: Books, file_name: str, is_no_sale: Callable[[list[str]], bool]
) -> Iterator[dict[str, Any]]:
    """The rows that a reader must refuse: orders in another currency, where they are sales."""
    why = {
        order.order_id: "foreign_currency"
        for order in books.orders
        if order.currency != books.currency
        and not order.is_test
        and order.state != "unpaid"
        and (books.counts_cancelled or order.state != "cancelled")
    }
    for line, record in _records(content):
        kind = next((why[value] for value in record if value in why), None)
        if kind is not None and not is_no_sale(record):
            yield {"file_name": file_name, "source_line": line, "kind": kind}


def _described(
    file_name: str, content: bytes, broken: list[dict[str, Any]], no_sales: int
) -> WrittenFile:
    rows = sum(1 for _ in _records(content)) - 1
    kinds = Counter(row["kind"] for row in broken)
    sales = rows - len(broken) - no_sales
    return WrittenFile(file_name, rows, sales, 0, no_sales, 0, dict(kinds))
