"""Stripe: the itemised balance change from activity, and its summary.

What belongs here: this platform's columns and habits of writing. What does not: what was sold.
Stripe knows payments, not products: a charge is an order's whole money, a refund a row of its own
with the charge's id and time; fees are in a column of their row. Some charges may have a fee or a
transfer as a row besides; payouts are rows without a charge.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from ecorse.simulate.platforms import Files, Platform
from ecorse.simulate.platforms.books import ZERO, Books, Habits, Order, cents
from ecorse.simulate.platforms.tables import Row, table

HEADER = (
    "balance_transaction_id", "created_utc", "created", "available_on_utc", "available_on",
    "currency", "gross", "fee", "net", "reporting_category", "source_id", "description",
    "customer_facing_amount", "customer_facing_currency", "automatic_payout_id", "customer_id",
    "customer_email", "charge_id", "charge_created_utc", "payment_intent_id",
    "payment_method_type", "card_country",
)  # fmt: skip
_PAYOUT_EVERY = 50
_FEE_RATE, _FEE_FIXED = Decimal("0.029"), Decimal("0.30")


def fee_of(order: Order, books: Books) -> Decimal:
    """What Stripe keeps of a charge; it is not given back with a refund."""
    return cents(books.total_of(order) * _FEE_RATE + _FEE_FIXED)


def export(books: Books) -> Files:
    """Write the itemised report, by time."""
    rows = sorted(
        (*(row for order in books.orders for row in _rows(books, order)), *_payouts(books)),
        key=lambda row: (str(row["created_utc"]), str(row["balance_transaction_id"])),
    )
    return {"simulated_itemized_balance_change_from_activity.csv": table(HEADER, rows)}


def report(books: Books) -> Files:
    """Write the summary of the balance change: count, gross, fee and net per category."""
    sums: dict[str, list[Decimal]] = {}
    counts: Counter[str] = Counter()
    for order in books.counted:
        for row in _rows(books, order):
            category = str(row["reporting_category"])
            counts[category] += 1
            sums.setdefault(category, [ZERO, ZERO, ZERO])
            for place, name in enumerate(("gross", "fee", "net")):
                sums[category][place] += Decimal(str(row[name]))
    rows = [
        {"reporting_category": category, "currency": books.currency.lower(),
         "count": counts[category], "gross": gross, "fee": fee, "net": net}
        for category, (gross, fee, net) in sorted(sums.items())
    ]  # fmt: skip
    header = ("reporting_category", "currency", "count", "gross", "fee", "net")
    return {"balance_change_summary.csv": table(header, rows)}


def _rows(books: Books, order: Order) -> Iterator[Row]:
    charge = f"{order.order_id}-ch"
    gross, fee = books.total_of(order), fee_of(order, books)
    common: Row = {
        "currency": order.currency.lower(),
        "customer_facing_currency": order.currency.lower(),
        "automatic_payout_id": "po_simulated",
        "customer_id": order.buyer.customer_id,
        "customer_email": order.buyer.email,
        "charge_id": charge,
        "charge_created_utc": f"{order.at:%Y-%m-%d %H:%M:%S}",
        "payment_intent_id": f"pi_{order.number}",
        "payment_method_type": "card",
        "card_country": "US",
    }
    yield {
        **common,
        **_times(books, order.at),
        "balance_transaction_id": f"txn_{order.number}",
        "gross": gross,
        "fee": fee,
        "net": gross - fee,
        "reporting_category": "charge",
        "source_id": charge,
        "description": order.note or f"Order {order.number}",
        "customer_facing_amount": gross,
    }
    for category, amount in _besides(order, gross) if books.takes_apart else ():
        yield {
            **common,
            **_times(books, order.at + timedelta(days=1)),
            "balance_transaction_id": f"txn_{order.number}{category}",
            "gross": amount,
            "fee": ZERO,
            "net": amount,
            "reporting_category": category,
            "source_id": f"{category}_{order.number}",
        }
    for nth, refund in enumerate(order.refunds):
        yield {
            **common,
            **_times(books, refund.at),
            "balance_transaction_id": f"txn_{order.number}r{nth}",
            "gross": -refund.amount,
            "fee": ZERO,
            "net": -refund.amount,
            "reporting_category": "refund",
            "source_id": f"re_{order.number}r{nth}",
            "description": f"REFUND FOR CHARGE (Order {order.number})",
            "customer_facing_amount": -refund.amount,
        }


def _besides(order: Order, gross: Decimal) -> Iterator[tuple[str, Decimal]]:
    """What is taken from some charges in rows of their own."""
    if order.number % 40 == 0:
        yield "fee", Decimal("-0.05")
    if order.number % 90 == 0:  # to another account that has a part in it
        yield "transfer", -cents(gross / 10)


def _payouts(books: Books) -> Iterator[Row]:
    """A payout every fiftieth order, without a charge."""
    for order in books.orders:
        if order.number % _PAYOUT_EVERY == 0:
            yield {
                **_times(books, order.at),
                "balance_transaction_id": f"txn_po{order.number}",
                "currency": books.currency.lower(),
                "gross": Decimal("-500.00"),
                "fee": ZERO,
                "net": Decimal("-500.00"),
                "reporting_category": "payout",
                "source_id": f"po_{order.number}",
            }


def _times(books: Books, at: datetime) -> Row:
    local = at.replace(tzinfo=UTC).astimezone(ZoneInfo(books.time_zone))
    return {
        "created_utc": f"{at:%Y-%m-%d %H:%M:%S}",
        "created": f"{local:%Y-%m-%d %H:%M:%S}",
        "available_on_utc": f"{at:%Y-%m-%d} 00:00:00",
        "available_on": f"{local:%Y-%m-%d} 00:00:00",
    }


PLATFORM = Platform(
    "stripe_itemised", Habits(), export, report,
    no_sales=lambda books: sum(1 for _ in _payouts(books)),
)  # fmt: skip
