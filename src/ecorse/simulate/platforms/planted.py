"""An export and a platform's report that differ by planted causes, to prove ``ecorse reconcile``.

What belongs here: planting causes, and what each is worth. What does not: the books (``books.py``),
a platform's columns (one module per platform), what a report says under some causes
(``planted_reports.py``), finding causes (``ecorse.reports.reconcile``).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TypeVar

import numpy as np

from ecorse.simulate.plan import Plan
from ecorse.simulate.platforms import Files, get_platform
from ecorse.simulate.platforms.books import ZERO, Books, Order, cents
from ecorse.simulate.platforms.draw_books import draw_books
from ecorse.simulate.platforms.planted_reports import (
    CANCEL_DAY_UNKNOWN,
    REFUND_DAY_UNKNOWN,
    World,
    by_day,
    payouts,
    sales_over_time,
    totals_by_day,
    transactions_by_day,
)
from ecorse.simulate.platforms.stripe_itemised import adjustment
from ecorse.simulate.platforms.stripe_itemised import export as stripe_export
from ecorse.simulate.platforms.tables import Row, table
from ecorse.simulate.shop import Shop

ZONES = ("UTC", "Asia/Tokyo", "America/Los_Angeles", "Europe/Berlin", "Australia/Sydney")
FEW = 3  # orders that a cause about single orders is planted in
LOW_TOTAL, NO_CHARGE = "rejected:tax_is_in_the_prices", "left_out:no_charge"


@dataclass(frozen=True)
class Kind:
    """A report that causes are planted in: of which platform, and what can be planted.

    ``always`` has the causes that it has by itself, for the export does not tell what it tells.
    """

    platform: str
    write: Callable[[World, Collection[str]], list[Row]]
    causes: tuple[str, ...]
    always: tuple[str, ...] = ()
    habits: Mapping[str, float] = field(default_factory=dict)


# the reports by name; causes as `ecorse reconcile` names them
KINDS: Mapping[str, Kind] = {
    "shopify_orders": Kind(
        "shopify_orders",
        sales_over_time,
        ("time_zone", "shipping", "taxes", "tips", "gift_cards", "cancelled",
         "left_out:test_orders", LOW_TOTAL, "currency:CAD", "in_no_file"),
        always=(REFUND_DAY_UNKNOWN,),
    ),
    "woocommerce_orders": Kind(
        "woocommerce_orders",
        totals_by_day,
        ("time_zone", "shipping", "taxes", "cancelled", "currency:CAD"),
        always=(CANCEL_DAY_UNKNOWN, REFUND_DAY_UNKNOWN),
        habits={"cancelled": 0.12},
    ),
    "stripe_itemised": Kind(
        "stripe_itemised",
        transactions_by_day,
        ("time_zone", "refund_date", "fees", "currency:CAD", "in_no_file"),
    ),
    "stripe_payouts": Kind(
        "stripe_itemised", payouts, ("fees", NO_CHARGE), always=("paid_out",)
    ),
}  # fmt: skip
# the causes that `ecorse reconcile` applies last, in this order; before them those of single
# orders, by name
LAST = (
    "time_zone", "paid_out", "refund_date", "fees", "gift_cards", "shipping", "taxes", "tips",
    CANCEL_DAY_UNKNOWN, REFUND_DAY_UNKNOWN, "in_no_file",
)  # fmt: skip
_T = TypeVar("_T")
Amounts = Mapping[tuple[date, str], Decimal]


@dataclass(frozen=True)
class Planted:
    """Files that differ by ``causes``.

    ``zone`` is that of the report's days; ``missing`` has the orders that the export lacks.
    ``worth`` has what each cause adds to a figure of a day, by the books: the report with it less
    the report without it and those that are applied after it.
    """

    books: Books
    export: Files
    report: bytes
    causes: frozenset[str]
    zone: str
    missing: tuple[Order, ...]
    worth: Mapping[str, Amounts]

    def there(self, order: Order) -> datetime:
        """When an order was placed, by the report's clock."""
        return replace(self.books, time_zone=self.zone).local(order.at)


def plant(plan: Plan, kind: str, causes: Collection[str], seed: int) -> Planted:
    """Write a platform's export and a report of it, which differ by just these causes.

    Parameters
    ----------
    kind
        Which report: one of ``KINDS``.
    causes
        Of the kind's; none: the report is as the platform makes it.
    seed
        Which zone, and which orders a cause is planted in.
    """
    rng, shop, found = np.random.default_rng(seed), Shop(plan), KINDS[kind]
    platform = get_platform(found.platform)
    habits = replace(platform.habits, **found.habits)  # type: ignore[arg-type]
    if "currency:CAD" in causes:
        habits = replace(habits, foreign=0.02)
    books = draw_books(shop, habits)
    missing = tuple(_few(rng, _plain(books))) if "in_no_file" in causes else ()
    others = _adjustments(books, rng) if NO_CHARGE in causes else ()
    # as an export has it that begins late, or of which a file was not loaded
    there = replace(books, orders=tuple(o for o in books.orders if o not in missing))
    export = stripe_export(there, others) if others else platform.export(there)
    refused = frozenset[str]()
    if LOW_TOTAL in causes:
        export, refused = _with_low_totals(export, rng)
    zone = _few(rng, _telling(books), 1)[0] if "time_zone" in causes else books.time_zone
    world = World(books, zone, frozenset(o.number for o in missing), refused, others)
    every = frozenset(causes) | frozenset(found.always)
    rows = found.write(world, every)
    worth = _worth(found, world, rows, every)
    return Planted(
        books, export, table(tuple(rows[0]), rows), frozenset(worth), zone, missing, worth
    )


def _worth(
    kind: Kind, world: World, rows: Sequence[Row], causes: Collection[str]
) -> dict[str, Amounts]:
    """What each cause is worth, on the days of the report."""
    report = by_day(rows)
    days = {day for day, _ in report}
    order = sorted(causes, key=lambda cause: (LAST.index(cause) if cause in LAST else -1, cause))
    before = by_day(kind.write(world, ()))
    worth = {}
    for many, cause in enumerate(order, 1):
        after = by_day(kind.write(world, order[:many]))
        adds = {
            key: after.get(key, ZERO) - before.get(key, ZERO)
            for key in after.keys() | before.keys()
            if min(days) <= key[0] <= max(days)
        }
        worth[cause] = {key: amount for key, amount in adds.items() if amount}
        before = after
    return {cause: adds for cause, adds in worth.items() if adds}


def change_by_hand(
    report: bytes, seed: int, columns: Collection[str], by: str = "13.37"
) -> tuple[bytes, str, str]:
    """A report of which one figure was changed by a hand: it, the day and the column."""
    rng = np.random.default_rng(seed)
    rows = list(csv.DictReader(io.StringIO(report.decode(), newline="")))
    [column] = _few(rng, sorted(columns), 1)
    [row] = _few(rng, [row for row in rows if Decimal(row[column])], 1)
    row[column] = str(Decimal(row[column]) + Decimal(by))
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


def _with_low_totals(export: Files, rng: np.random.Generator) -> tuple[Files, frozenset[str]]:
    """A Shopify export with orders whose total is less than its parts, which a rule refuses."""
    [(name, content)] = export.items()
    rows = list(csv.DictReader(io.StringIO(content.decode(), newline="")))
    plain = [
        row for row in rows
        if row["Financial Status"] == "paid" and "bogus" not in row["Payment Method"].lower()
        and Decimal(row["Taxes"])
        and Decimal(row["Total"])  # with a tip the total is no less than its parts
        == Decimal(row["Subtotal"]) + Decimal(row["Shipping"]) + Decimal(row["Taxes"])
        and row["Currency"] == "USD"
    ]  # fmt: skip
    chosen = _few(rng, plain)
    for row in chosen:
        row["Total"] = str(Decimal(row["Total"]) - Decimal(row["Taxes"]))
    return {name: table(tuple(rows[0]), rows)}, frozenset(row["Name"] for row in chosen)


def _adjustments(books: Books, rng: np.random.Generator) -> tuple[Row, ...]:
    """Transactions of no order: what Stripe takes for services, and gives back of it."""
    made = []
    for number, order in enumerate(_few(rng, _plain(books), 2 * FEW)):
        amount = cents(books.total_of(order) / 9) * (1 if number == 0 else -1)
        made.append(adjustment(books, order.at + timedelta(minutes=7), number, amount))
    return tuple(made)
