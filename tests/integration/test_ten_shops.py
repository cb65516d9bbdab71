"""Ten shops from ten ready-made sources publish one night; each shop's money is that of its books.

What belongs here: the whole way from an export to the marts, on a real Postgres. What does not:
single measures of one export (``tests/sources/test_ready_made.py``).
"""

from __future__ import annotations

import csv
import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from ecorse import flow
from ecorse.ingest.shops import Shop, load_shops
from ecorse.origins.simulate import simulated_folder
from ecorse.reports.reconcile.amounts import CANCELLED, COUNTED
from ecorse.reports.reconcile.daily import local_date
from ecorse.reports.reconcile.lines import read_loaded
from ecorse.settings import get_settings
from ecorse.simulate.platforms import get_platform, platform_names
from ecorse.simulate.platforms.books import CALENDARS
from ecorse.warehouse.connect import connect

pytestmark = pytest.mark.slow

# each shop in a zone of its own: a platform's days are those of the shop's wall clock
ZONES = ("America/New_York", "Europe/Berlin", "Asia/Tokyo", "America/Sao_Paulo", "Australia/Sydney")
SIZES = "customers = 100, orders = 300, events = 0"
SHOP = """
[[shops]]
shop_id = "{shop}"
shop_name = "{shop}"
time_zone = "{zone}"
currency = "{currency}"
[[shops.sources]]
source = "{source}"
origin = "simulate"
options = {{ seed = {seed}, {sizes}, format = "{source}", time_zone = "{zone}" }}
"""


def shops_file() -> str:
    shops = []
    for number, name in enumerate(platform_names()):
        platform = get_platform(name)
        shops.append(
            SHOP.format(
                shop=name.replace("_", "-"), zone=ZONES[number % len(ZONES)], source=name,
                currency=platform.habits.currency, seed=number + 1, sizes=SIZES,
            )
        )  # fmt: skip
    return "".join(shops)


@pytest.fixture(scope="module")
def night(snapshot, tmp_path_factory):
    """Ten shops ingested and published, kept; gives the folder of each source's files."""

    path = tmp_path_factory.mktemp("ten") / "shops.toml"
    path.write_text(shops_file())

    def fill() -> dict[str, Path]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("ECORSE_SHOPS_FILE", str(path))
            get_settings.cache_clear()
            shops = load_shops(get_settings())
            for shop in shops:
                for source in shop.sources:
                    flow.ingest(shop.shop_id, source.name, holder="test")
            flow.refresh(holder="test")
            return {
                source.name: simulated_folder(get_settings(), source.options)
                for shop in shops
                for source in shop.sources
            }

    return snapshot(fill)


def asked(sql: str, *values: object) -> list[tuple]:
    with connect() as conn:
        return conn.execute(sql, values).fetchall()


def books_of(folder: Path) -> dict[str, Decimal]:
    books = json.loads((folder / "truth.json").read_text())["books"]
    return {name: Decimal(value) for name, value in books.items() if name != "currency"}


def fees_of(folder: Path) -> Decimal:
    """What Stripe keeps, by its own report."""
    with (folder / "report" / "balance_change_summary.csv").open() as file:
        return sum((Decimal(row["fee"]) for row in csv.DictReader(file)), Decimal(0))


def by_day(folder: Path, calendar: str) -> dict[date, tuple[Decimal, Decimal]]:
    """Gross and total of each day by the books."""
    with (folder / "truth" / "books_by_day.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["calendar"] == calendar]
    return {
        date.fromisoformat(row["day"]): (Decimal(row["gross"]), Decimal(row["total"]))
        for row in rows
        if Decimal(row["gross"]) or Decimal(row["total"])
    }


def test_ten_shops_are_ten_platforms():
    assert len(platform_names()) == 10


def test_each_shop_is_worth_what_its_books_say(night, snapshot_of):
    """Gross to net: from what was charged to what is left after every refund."""
    with snapshot_of(night):
        for name, folder in night.result.items():
            books, shop = books_of(folder), f"{name.replace('_', '-')}-simulated"
            account = asked(
                "select line_kind, gross_revenue, cancelled_amount + returned_amount, net_revenue "
                "from marts.money_account "
                "where shop_id = %s", shop,
            )  # fmt: skip
            fees = fees_of(folder) if name == "stripe_itemised" else Decimal(0)
            net = sum(row[3] for row in account)
            assert net == books["total"] - fees, name
            taken_back = sum(row[2] for row in account)
            gross = sum(row[1] for row in account)
            assert gross - taken_back == net, name
            if name != "square_items":  # whose refunds take tax and discount back line by line
                assert taken_back == books["refunded"], name
                assert gross == books["total"] + books["refunded"] - fees, name


def days_of(name: str, calendar: str) -> dict[date, tuple[Decimal, Decimal]]:
    """Gross and total of each day by the mart, without what a platform keeps."""
    found = asked(
        "select date, gross, total - other from marts.daily_money "
        "where shop_id = %s and calendar = %s and (gross <> 0 or total <> other)",
        f"{name.replace('_', '-')}-simulated", calendar,
    )  # fmt: skip
    return {day: (gross, total) for day, gross, total in found}


def test_each_day_of_each_shop_is_worth_what_its_books_say(night, snapshot_of):
    """By the day of the order, and where the export tells refunds' days, by these too."""
    with snapshot_of(night):
        for name, folder in night.result.items():
            # Square tells a refund's own day and not its sale's; others tell no refund's day
            calendars = {"square_items": ("event_date",), "stripe_itemised": CALENDARS}
            for calendar in calendars.get(name, ("order_date",)):
                wanted = by_day(folder, calendar)
                if name == "stripe_itemised":  # a charge is all that was paid, goods or not
                    found = {day: total for day, (_, total) in days_of(name, calendar).items()}
                    assert found == {day: total for day, (_, total) in wanted.items()}, name
                else:
                    assert days_of(name, calendar) == wanted, (name, calendar)


def test_every_measure_that_an_export_tells_is_that_of_the_books(night, snapshot_of):
    """Of an amount paid back three exports tell no parts: net and taxes as one."""
    parts = ("gross", "discounts", "returns", "net", "shipping", "taxes", "tips", "gift_cards")
    with snapshot_of(night):
        for name, folder in night.result.items():
            if name == "stripe_itemised":
                continue
            [row] = asked(
                f"select {', '.join(f'sum({part})' for part in parts)} from marts.daily_money "
                "where shop_id = %s and calendar = 'order_date'",
                f"{name.replace('_', '-')}-simulated",
            )
            found, books = dict(zip(parts, row, strict=True)), books_of(folder)
            told = {"gross", "discounts", "shipping", "tips", "gift_cards"}
            if name not in ("shopify_orders", "woocommerce_orders", "magento_orders"):
                told |= {"returns", "net", "taxes"}
            if name == "square_items":  # its refunds take their discount off on rows of their own
                told -= {"discounts", "returns"}
            assert {m: found[m] for m in told} == {m: books[m] for m in told}, name
            assert found["net"] + found["taxes"] == books["net"] + books["taxes"], name


# what each column of the mart is by the parts of `reconcile`; what is taken off is above 0 there
MEASURES = {
    "gross": ("gross",), "discounts": ("discounts",), "returns": ("returns",),
    "shipping": ("shipping",), "taxes": ("taxes",), "tips": ("tips",),
    "gift_cards": ("gift_cards",), "other": ("fees", "adjustments"),
}  # fmt: skip


def by_reconcile(source: str, shop: Shop) -> dict[tuple[str, date], tuple[Decimal, ...]]:
    """Each day's measures on both calendars, of the amounts that `reconcile` compares."""
    amounts = read_loaded(source, shop.shop_id).amounts
    amounts = amounts.filter(pl.col("pool").is_in([COUNTED, CANCELLED]))
    order = local_date("at", "at_date", shop.time_zone)
    event = pl.coalesce(local_date("back_at", None, shop.time_zone), order)
    found: dict[tuple[str, date], tuple[Decimal, ...]] = {}
    for calendar, day in (("order_date", order), ("event_date", event)):
        parts = amounts.select(
            day.alias("day"), pl.col("part").str.strip_suffix("_back"), "amount"
        ).group_by("day", "part").agg(pl.col("amount").sum())  # fmt: skip
        for (one,), rows in parts.group_by("day"):
            said = dict(rows.select("part", "amount").iter_rows())
            said |= {name: -said.get(name, 0) for name in ("discounts", "returns")}
            values = (sum(said.get(p, 0) for p in of) for of in MEASURES.values())
            figures = tuple(Decimal(value).scaleb(-4) for value in values)
            if any(figures):
                found[calendar, one] = figures
    return found


def test_reconcile_and_the_mart_have_one_account_of_each_day(
    night, snapshot_of, monkeypatch, tmp_path
):
    """`amounts_of` says in Python what `daily_money` says in SQL."""
    wanted = ", ".join(MEASURES)
    (tmp_path / "shops.toml").write_text(shops_file())
    with snapshot_of(night):
        monkeypatch.setenv("ECORSE_SHOPS_FILE", str(tmp_path / "shops.toml"))
        get_settings.cache_clear()
        for shop in load_shops(get_settings()):
            [source] = shop.sources
            rows = asked(
                f"select calendar, date, {wanted} from marts.daily_money where shop_id = %s",
                f"{shop.shop_id}-simulated",
            )
            mart = {(row[0], row[1]): row[2:] for row in rows if any(row[2:])}
            assert by_reconcile(source.name, shop) == mart, source.name


def test_orders_are_those_of_the_books(night, snapshot_of):
    with snapshot_of(night):
        for name, folder in night.result.items():
            [(orders,)] = asked(
                "select count(distinct order_id) from marts.orders where shop_id = %s",
                f"{name.replace('_', '-')}-simulated",
            )
            assert orders == books_of(folder)["orders"], name


def test_what_was_refused_is_what_was_planned(night, snapshot_of):
    with snapshot_of(night):
        for name, folder in night.result.items():
            with (folder / "truth" / "broken_rows.csv").open() as file:
                planned = sorted(int(row["source_line"]) for row in csv.DictReader(file))
            found = asked(
                "select r.source_line from ops.reject as r join ops.load as l using (load_id) "
                "where l.source = %s order by 1", name,
            )  # fmt: skip
            assert [line for (line,) in found] == planned, name


def test_a_second_night_adds_nothing(night, restore, monkeypatch, tmp_path):
    folders = restore(night)
    path = tmp_path / "shops.toml"
    path.write_text(shops_file())
    monkeypatch.setenv("ECORSE_SHOPS_FILE", str(path))
    get_settings.cache_clear()
    before = asked("select shop_id, count(*) from staging.order_lines group by 1 order by 1")
    for name in folders:
        flow.ingest(name.replace("_", "-"), name, holder="test")
    after = asked("select shop_id, count(*) from staging.order_lines group by 1 order by 1")
    assert after == before
    assert len(before) == 10
