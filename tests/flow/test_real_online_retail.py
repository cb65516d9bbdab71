"""A year of a real shop that cancels: rows, money and names, each figure got a second way."""

from __future__ import annotations

import csv
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from ecorse import flow
from ecorse.reports.status import read_checksums
from ecorse.settings import get_settings
from ecorse.warehouse.connect import connect

pytestmark = pytest.mark.slow

SHOPS = """
[[shops]]
shop_id = "gifts"
shop_name = "Gifts"
time_zone = "Europe/London"
currency = "GBP"

[[shops.sources]]
source = "online_retail"
origin = "folder"
options = {{ path = "{folder}" }}
{reading}
"""
SECOND_HEADER = ["Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price",
                 "Customer ID", "Country"]  # fmt: skip


@pytest.fixture
def ingest_gifts(postgres, monkeypatch, tmp_path) -> Callable[..., dict[str, int]]:
    """Give a function that ingests a folder into a fresh warehouse, and gives the counts."""
    made = []

    def ingest(folder: Path, reading: str = "") -> dict[str, int]:
        name = f"test_{uuid.uuid4().hex[:12]}"
        postgres.create_database(name, template="ecorse_template")
        made.append(name)
        shops = tmp_path / f"{name}.toml"
        shops.write_text(SHOPS.format(folder=folder, reading=reading), encoding="utf-8")
        monkeypatch.setenv("ECORSE_SHOPS_FILE", str(shops))
        monkeypatch.setenv("ECORSE_HOME", str(tmp_path / name))
        monkeypatch.setenv("ECORSE_DATABASE_URL", postgres.url("ecorse_etl", database=name))
        monkeypatch.setenv("ECORSE_APP_READER_PASSWORD", postgres.password("app_reader"))
        get_settings.cache_clear()
        return flow.ingest("gifts", "online_retail", holder="test").counts()

    yield ingest
    get_settings.cache_clear()
    for name in made:
        postgres.drop_database(name)


@pytest.fixture
def lines(shared_data) -> list[tuple[str, ...]]:
    """The file's lines as the csv module reads them, without the header."""
    path = shared_data / "online_retail" / "data.csv"
    with path.open(encoding="latin-1", newline="") as file:
        return [tuple(row) for row in csv.reader(file)][1:]


def second_form(line: tuple[str, ...]) -> tuple[Any, ...]:
    """A line of the file with the types that the second form has in a workbook."""
    invoice, code, name, quantity, at, price, customer, country = line
    date, time = at.split(" ")
    month, day, year = map(int, date.split("/"))
    hour, minute = map(int, time.split(":"))
    when = datetime(year, month, day, hour, minute)
    known = float(customer) if customer else None
    return (invoice, code, name, int(quantity), when, float(price), known, country)


def write_csv(lines: list[tuple[str, ...]], path: Path) -> None:
    """The lines as the second form, in UTF-8; times as 2010-12-01 08:26:00, customer 17850.0."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(SECOND_HEADER)
        writer.writerows(map(second_form, lines))


def write_workbook(sheets: list[list[tuple[str, ...]]], path: Path) -> None:
    """The lines as the second form, in several sheets; numeric codes and invoices as numbers."""
    book = openpyxl.Workbook(write_only=True)
    for i, lines in enumerate(sheets):
        sheet = book.create_sheet(f"Year {i}")
        sheet.append(SECOND_HEADER)
        for line in lines:
            invoice, code, *rest = second_form(line)
            numbers = [int(text) if text.isdigit() else text for text in (invoice, code)]
            sheet.append([*numbers, *rest])
    book.save(path)


@pytest.mark.timeout(1800)  # two nights of half a million lines, on a busy machine
def test_the_year_by_both_forms(ingest_gifts, shared_data, lines, tmp_path):
    distinct = list(dict.fromkeys(lines))
    counts = ingest_gifts(shared_data / "online_retail")
    assert {name: counts[name] for name in counts if name.startswith("rows")} == {
        "rows_read": 541_909,
        "rows_staged": 536_641,
        "rows_duplicate": 5_268,
        "rows_ignored": 0,
        "rows_rejected": 0,
    }
    assert (len(lines), len(distinct)) == (541_909, 536_641)
    flow.refresh(holder="test")
    rows_in_staging_are_those_of_the_file(distinct)
    money_is_that_of_the_file(distinct)
    matched = cancelled_lines_are_those_of_the_file(distinct)
    figures_are_those_of_the_file(distinct, matched)
    names_are_those_of_most_sold_lines(distinct)
    nothing_but_products_is_in_product_marts()
    first = read_checksums()

    folder = tmp_path / "second"
    folder.mkdir()
    write_csv(lines, folder / "online_retail_II.csv")
    again = ingest_gifts(folder, 'reading = { encoding = "utf-8" }')
    assert again == counts
    flow.refresh(holder="test")
    assert read_checksums() == first


def test_a_workbook_of_two_sheets_gives_the_same_lines(ingest_gifts, lines, tmp_path):
    some = lines[::200]
    staged = []
    for form in ("csv", "xlsx"):
        path = tmp_path / f"second.{form}"
        if form == "csv":
            write_csv(some, path)
        else:
            write_workbook([some[:1000], some[1000:]], path)
        counts = ingest_gifts(path, 'reading = { encoding = "utf-8" }')
        assert counts["rows_ignored"] == (form == "xlsx")  # the header of the second sheet
        assert counts["rows_staged"] == len(set(some))
        with connect() as conn:
            staged.append(
                conn.execute(
                    "select to_jsonb(l) - 'load_id' - 'source_line' from staging.order_lines as l "
                    "order by order_id, product_id, product_name, quantity, unit_price"
                ).fetchall()
            )
    assert staged[0] == staged[1]


def rows_in_staging_are_those_of_the_file(distinct):
    with connect() as conn:
        kinds = conn.execute(
            "select status, line_kind, count(*) from staging.order_lines group by 1, 2"
        ).fetchall()
        customers = conn.execute(
            "select customer_key_kind, count(*), count(customer_id) from staging.order_lines "
            "group by 1"
        ).fetchall()
        flagged = conn.execute(
            "select flags, count(*) from staging.order_lines where flags is not null group by 1"
        ).fetchall()
    known = sum(1 for row in distinct if row[6])
    assert set(customers) == {("id", known, known), ("none", len(distinct) - known, 0)}
    cancelled = sum(1 for row in distinct if row[0].startswith("C"))
    assert sum(n for status, _, n in kinds if status == "cancelled") == cancelled
    corrections = sum(1 for row in distinct if row[3].startswith("-") and row[0][0] != "C")
    by_kind = {kind: n for status, kind, n in kinds if status == "sold"}
    assert by_kind["adjustment"] == corrections + 3  # and the three of bad debt
    undescribed = sum(1 for row in distinct if not row[2].strip())
    assert flagged == [(["description_empty"], undescribed)]


def money_is_that_of_the_file(distinct):
    gross = sum(int(r[3]) * Decimal(r[5]) for r in distinct if not r[0].startswith("C"))
    cancelled = sum(-int(r[3]) * Decimal(r[5]) for r in distinct if r[0].startswith("C"))
    postage = sum(int(r[3]) * Decimal(r[5]) for r in distinct if r[1] in ("POST", "DOT", "C2"))
    with connect() as conn:
        account = conn.execute(
            "select currency, sum(gross_revenue), sum(cancelled_amount), sum(returned_amount), "
            "sum(net_revenue) "
            "from marts.money_account group by 1"
        ).fetchall()
        shipping = conn.execute(
            "select net_revenue from marts.money_account where line_kind = 'shipping'"
        ).fetchone()
    assert account == [("GBP", gross, cancelled, 0, gross - cancelled)]
    assert shipping == (postage,)
    # the figures of docs/sources/online-retail.md
    assert (gross, cancelled) == (Decimal("10619986.684"), Decimal("893979.73"))


def cancelled_lines_are_those_of_the_file(distinct):
    """Match again, one cancellation after the other."""
    sales, expected = defaultdict(list), Counter()
    cancelled = []
    for row in distinct:
        month, day, year = row[4].split(" ")[0].split("/")
        hour, minute = row[4].split(" ")[1].split(":")
        at = tuple(map(int, (year, month, day, hour, minute)))
        key = (row[6], row[1].upper(), Decimal(row[5]))
        if row[0].startswith("C"):
            cancelled.append((key, at, row[0], -int(row[3])))
        elif int(row[3]) > 0:
            sales[key].append([at, row[0], int(row[3]), 0])
    for key, at, order, pieces in sorted(cancelled):
        earlier = [s for s in sorted(sales[key]) if s[0] <= at and s[2] >= pieces]
        sale = earlier[-1] if earlier else None
        if sale:
            sale[3] += pieces
        is_matched = sale is not None and sale[3] <= sale[2]
        kind = ("exact" if sale[2] == pieces else "partial") if is_matched else "none"
        expected[order, key[1], pieces, key[2], sale[1] if is_matched else None, kind] += 1
    with connect() as conn:
        found = Counter(
            conn.execute(
                "select order_id, product_id, pieces, unit_price, sale_order_id, match_kind "
                "from marts.cancellations"
            ).fetchall()
        )
    assert found == expected
    return expected


def figures_are_those_of_the_file(distinct, matched):
    """Purchases, and every figure of them, once more: in dicts, from the lines of the file."""
    pieces, back = Counter(), Counter()  # of an order, product and price
    for invoice, code, _, quantity, _, price, *_ in distinct:
        key = (invoice, code.upper(), Decimal(price))
        if is_product(key[1]) and invoice[0] != "C" and int(quantity) > 0 and key[2] > 0:
            pieces[key] += int(quantity)
    for (_, product, n, price, sale_order, _), times in matched.items():
        back[sale_order, product, price] += n * times
    kept = {order for (order, *rest), n in pieces.items() if n > back[(order, *rest)]}

    figures = defaultdict(lambda: [set(), set(), 0, Decimal(0), set()])
    first = {}
    for row in distinct:
        first[row[0]] = min(first.get(row[0], row), row, key=time_of)
    for row in distinct:
        invoice, code, _, quantity, _, price, customer, country = row
        product, n = code.upper(), int(quantity)
        is_goods = is_product(product) and (n > 0 or invoice[0] == "C")
        year, month, *_ = time_of(first[invoice])
        groups = [("kpis",), ("month", year, month), ("country", country)]
        groups += [("product", product)] if is_goods else []
        for group in groups:
            found = figures[group]
            found[0].add(invoice)
            if invoice in kept and (group[0] != "product" or n > 0):
                found[1].add(invoice)
                found[4] |= {customer} - {""}
            found[2] += n if is_goods else 0
            found[3] += n * Decimal(price)
    placed, orders, units, revenue, customers = figures["kpis",]
    average = round(revenue / len(orders), 4)
    with connect() as conn:
        ask = lambda query: conn.execute(query).fetchall()  # noqa: E731
        assert ask(
            "select orders_placed, orders, purchases, units, revenue, net_revenue, customers, "
            "average_order_value from marts.kpis"
        ) == [(len(placed), *[len(orders)] * 2, units, revenue, revenue, len(customers), average)]
        by_month = {("month", d.year, d.month): rest for d, *rest in ask(
            "select order_month_date, orders_placed, orders, units, revenue, average_order_value "
            "from marts.monthly_sales"
        )}  # fmt: skip
        by_country = {("country", name): rest for name, *rest in ask(
            "select country, orders_placed, orders, units, revenue, coalesce(buyers, 0) "
            "from marts.sales_by_country"
        )}  # fmt: skip
        by_product = {("product", name): rest for name, *rest in ask(
            "select product_id, orders, units, revenue from marts.sales_by_product"
        )}  # fmt: skip
        sums = ask("select sum(orders), sum(orders_placed) from marts.daily_sales")
        buyers = ask("select count(*) from marts.customers where orders > 0")
    assert sums == [(len(orders), len(placed))]
    assert buyers == [(len(customers),)]
    for name, found in figures.items():
        placed, orders, units, revenue, customers = found
        counts = [len(placed), len(orders), units, revenue]
        if name[0] == "month":
            assert by_month.pop(name) == [*counts, round(revenue / len(orders), 4)]
        elif name[0] == "country":
            assert by_country.pop(name) == [*counts, len(customers)]
        elif name[0] == "product":
            assert by_product.pop(name) == counts[1:]
    assert (by_month, by_country, by_product) == ({}, {}, {})


def time_of(row):
    """Year, month, day, hour and minute of a line."""
    date, time = row[4].split(" ")
    month, day, year = map(int, date.split("/"))
    return (year, month, day, *map(int, time.split(":")))


def names_are_those_of_most_sold_lines(distinct):
    sold, spelled = defaultdict(Counter), defaultdict(set)
    for invoice, code, name, quantity, *_ in distinct:
        product = code.upper()
        spelled[product].add(name.strip() or product)
        is_cancelled = invoice.startswith("C")
        if is_product(product) and (is_cancelled or int(quantity) > 0):
            sold[product][name.strip() or product] += not is_cancelled
    with connect() as conn:
        names = dict(
            conn.execute(
                "select product_id, product_name from marts.product_names where is_canonical"
            ).fetchall()
        )
        elsewhere = dict(
            conn.execute("select product_id, product_name from marts.products").fetchall()
        )
    assert {
        product: min(lines, key=lambda name: (name == product, -lines[name], name))
        for product, lines in sold.items()
    } == elsewhere
    assert set(names) == set(spelled)
    assert {product: names[product] for product in elsewhere} == elsewhere
    assert names["85123A"] == "WHITE HANGING HEART T-LIGHT HOLDER"


def is_product(code):
    return code[:5].isdigit() or code.startswith("DCGS") or code == "PADS"


def nothing_but_products_is_in_product_marts():
    with connect() as conn:
        codes = {code for (code,) in conn.execute("select product_id from marts.products")}
        neighbours = {
            code for (code,) in conn.execute("select similar_product_id from marts.item_similarity")
        }
    for seen in (codes, neighbours):
        assert seen
        assert all(map(is_product, seen))
