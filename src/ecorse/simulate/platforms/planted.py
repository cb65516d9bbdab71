"""An export and a platform's report that differ by planted causes, to prove ``ecorse reconcile``.

What belongs here: planting a cause in the report, or in the export. What does not: the books
(``books.py``), a platform's columns (one module per platform), finding causes
(``ecorse.reports.reconcile``).
"""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import TypeVar

import numpy as np

from ecorse.simulate.plan import Plan
from ecorse.simulate.platforms import Files, get_platform
from ecorse.simulate.platforms.books import ZERO, Books, Order
from ecorse.simulate.platforms.draw_books import draw_books
from ecorse.simulate.platforms.stripe_itemised import fee_of
from ecorse.simulate.platforms.tables import table
from ecorse.simulate.shop import Shop

ZONES = ("UTC", "Asia/Tokyo", "America/Los_Angeles", "Europe/Berlin", "Australia/Sydney")
FEW = 3  # orders that a cause about single orders is planted in
# what can be planted in the report of which platform, as `ecorse reconcile` names it
CAUSES: Mapping[str, tuple[str, ...]] = {
    "shopify_orders": (
        "time_zone", "shipping", "taxes", "tips", "gift_cards", "cancelled",
        "left_out:test_orders", "rejected:tax_is_in_the_prices", "currency:CAD", "in_no_file",
    ),
    "stripe_itemised": ("time_zone", "refund_date", "fees", "currency:CAD", "in_no_file"),
}  # fmt: skip
_T = TypeVar("_T")


@dataclass(frozen=True)
class Planted:
    """Files that differ by ``causes``.

    ``zone`` is that of the report's days; ``missing`` has the orders that the export lacks.
    """

    books: Books
    export: Files
    report: bytes
    causes: frozenset[str]
    zone: str
    missing: tuple[Order, ...]

    def there(self, order: Order) -> datetime:
        """When an order was placed, by the report's clock."""
        return replace(self.books, time_zone=self.zone).local(order.at)


def plant(plan: Plan, platform: str, causes: Collection[str], seed: int) -> Planted:
    """Write a platform's export and its report by day, which differ by just these causes.

    Parameters
    ----------
    causes
        Of ``CAUSES``; none: the report is as the platform makes it.
    seed
        Which zone, and which orders a cause is planted in.
    """
    rng, shop = np.random.default_rng(seed), Shop(plan)
    found = get_platform(platform)
    habits = replace(found.habits, foreign=0.02) if "currency:CAD" in causes else found.habits
    books = draw_books(shop, habits)
    missing = tuple(_few(rng, _plain(books))) if "in_no_file" in causes else ()
    # as an export has it that begins late, or of which a file was not loaded
    export = found.export(replace(books, orders=tuple(o for o in books.orders if o not in missing)))
    if "rejected:tax_is_in_the_prices" in causes:
        export = {name: _with_low_totals(content, rng) for name, content in export.items()}
    zone = _few(rng, _telling(books), 1)[0] if "time_zone" in causes else books.time_zone
    report = _WRITERS[platform](replace(books, time_zone=zone), causes)
    return Planted(books, export, report, frozenset(causes), zone, missing)


def change_by_hand(report: bytes, seed: int, columns: Collection[str]) -> tuple[bytes, str, str]:
    """A report of which one figure was changed by a hand: it, the day and the column."""
    rng = np.random.default_rng(seed)
    rows = list(csv.DictReader(io.StringIO(report.decode(), newline="")))
    [column] = _few(rng, sorted(columns), 1)
    [row] = _few(rng, [row for row in rows if Decimal(row[column])], 1)
    row[column] = str(Decimal(row[column]) + Decimal("13.37"))
    return table(tuple(rows[0]), rows), next(iter(row.values())), column


def _few(rng: np.random.Generator, those: Sequence[_T], many: int = FEW) -> list[_T]:
    """Some of a sequence, each at most once."""
    return [those[i] for i in rng.choice(len(those), many, replace=False)]


def _telling(books: Books) -> list[str]:
    """The zones in which at least one order is on another day than in the shop's."""
    found = []
    for zone in ZONES:
        there = replace(books, time_zone=zone)
        if any(books.local(o.at).date() != there.local(o.at).date() for o in _plain(books)):
            found.append(zone)
    return found


def _plain(books: Books) -> list[Order]:
    """Orders in the shop's currency, paid and kept, of several products."""
    return [
        order
        for order in books.counted
        if order.state == "paid" and order.currency == books.currency
    ]


def _with_low_totals(export: bytes, rng: np.random.Generator) -> bytes:
    """A Shopify export with orders whose total is less than its parts, which a rule refuses."""
    rows = list(csv.DictReader(io.StringIO(export.decode(), newline="")))
    plain = [
        row for row in rows
        if row["Financial Status"] == "paid" and "bogus" not in row["Payment Method"].lower()
        and Decimal(row["Taxes"])
        and row["Currency"] == "USD"
    ]  # fmt: skip
    for row in _few(rng, plain):
        row["Total"] = str(Decimal(row["Total"]) - Decimal(row["Taxes"]))
    return table(tuple(rows[0]), rows)


def _in_report(books: Books, causes: Collection[str]) -> list[Order]:
    """The orders that the report counts."""
    return [
        order
        for order in books.orders
        if (not order.is_test or "left_out:test_orders" in causes)
        and (order.currency == books.currency or "currency:CAD" in causes)
        and (order.state != "cancelled" or "cancelled" not in causes)
        # a test order in another currency is neither
        and not (order.is_test and order.currency != books.currency)
    ]


def _by_day(books: Books, orders: list[Order], calendar: str) -> dict[date, dict[str, Decimal]]:
    """Amounts per day, signed as money; what was given back apart, as ``taxes_back``."""
    days: dict[date, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for entry in books.entries(orders):
        name = entry.measure
        if entry.is_refund and name != "returns":
            name += "_back"
        takes_off = name in ("discounts", "returns")
        days[getattr(entry, calendar)][name] += -entry.amount if takes_off else entry.amount
    for order in orders:
        days[books.local(order.at).date()]["orders"] += 1
    return dict(sorted(days.items()))


def _shopify(books: Books, causes: Collection[str]) -> bytes:
    rows = []
    for day, of_day in _by_day(books, _in_report(books, causes), "event_date").items():
        tax_in = "taxes" in causes
        gross = of_day["gross"] + (of_day["taxes"] if tax_in else ZERO)
        returns = of_day["returns"] + (of_day["taxes_back"] if tax_in else ZERO)
        net = gross + of_day["discounts"] + returns
        shipping = of_day["shipping"] + of_day["shipping_back"]
        taxes = of_day["taxes"] + of_day["taxes_back"]
        total = net + (ZERO if "shipping" in causes else shipping) + (ZERO if tax_in else taxes)
        for group in ("tips", "gift_cards"):
            if group in causes:
                total += of_day[group] + of_day[f"{group}_back"]
        rows.append(
            {"Day": day, "Orders": of_day["orders"], "Gross sales": gross,
             "Discounts": of_day["discounts"], "Returns": returns, "Net sales": net,
             "Shipping charges": shipping, "Duties": ZERO, "Taxes": taxes, "Total sales": total}
        )  # fmt: skip
    return table(tuple(rows[0]), rows)


def _stripe(books: Books, causes: Collection[str]) -> bytes:
    """Charges, refunds and fees by day; Stripe has no such report, an own sheet has."""
    own_days = "refund_date" not in causes
    days: dict[date, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for order in _in_report(books, causes):
        day = books.local(order.at).date()
        days[day]["orders"] += 1
        days[day]["gross"] += books.total_of(order)
        days[day]["fees"] -= fee_of(order, books)
        for refund in order.refunds:
            on = books.local(refund.at).date() if own_days else day
            days[on]["returns"] -= refund.amount
    rows = [
        {
            "date": day,
            **{n: of_day[n] for n in ("orders", "gross", "returns", "fees")},
            "total": of_day["gross"]
            + of_day["returns"]
            + (ZERO if "fees" in causes else of_day["fees"]),
        }
        for day, of_day in sorted(days.items())
    ]
    return table(tuple(rows[0]), rows)


_WRITERS: Mapping[str, Callable[[Books, Collection[str]], bytes]] = {
    "shopify_orders": _shopify,
    "stripe_itemised": _stripe,
}
