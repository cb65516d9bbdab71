"""Stripe: the itemised balance change from activity, its summary, and the payout reconciliation.

What belongs here: this platform's columns and habits of writing. What does not: what was sold.
Stripe knows payments, not products: a charge is an order's whole money, a refund a row of its own
with the charge's id and time; fees are in a column of their row. Some charges may have a fee or a
transfer as a row besides. Each day's balance is paid out two days later, on a Monday where that is
a weekend; what would arrive after the last charge's day is not paid out yet. Payouts are rows
without a charge.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from ecorse.simulate.platforms import Files, Platform
from ecorse.simulate.platforms.books import ZERO, Books, Habits, Order, cents
from ecorse.simulate.platforms.tables import Row, table

HEADER = (
    "balance_transaction_id", "created_utc", "created", "available_on_utc", "available_on",
    "currency", "gross", "fee", "net", "reporting_category", "source_id", "description",
    "customer_facing_amount", "customer_facing_currency", "automatic_payout_id",
    "automatic_payout_effective_at", "customer_id", "customer_email", "charge_id",
    "charge_created_utc", "payment_intent_id", "payment_method_type", "card_country",
)  # fmt: skip
PAYOUT_HEADER = (
    "automatic_payout_id", "automatic_payout_effective_at", "balance_transaction_id",
    "created_utc", "created", "available_on_utc", "available_on", "currency", "gross", "fee", "net",
    "reporting_category", "source_id", "description",
)  # fmt: skip
_PAYOUT_EVERY = 50
_FEE_RATE, _FEE_FIXED = Decimal("0.029"), Decimal("0.30")


def fee_of(order: Order, books: Books) -> Decimal:
    """What Stripe keeps of a charge; it is not given back with a refund."""
    return cents(books.total_of(order) * _FEE_RATE + _FEE_FIXED)


def export(books: Books, others: Sequence[Row] = ()) -> Files:
    """Write the itemised report, by time; ``others`` are transactions of no order."""
    rows = sorted(
        (
            *(row for order in books.orders for row in transactions(books, order)),
            *_payouts(books),
            *others,
        ),
        key=lambda row: (str(row["created_utc"]), str(row["balance_transaction_id"])),
    )
    return {"simulated_itemized_balance_change_from_activity.csv": table(HEADER, rows)}


def report(books: Books) -> Files:
    """Write the summary of the balance change: count, gross, fee and net per category."""
    sums: dict[str, list[Decimal]] = {}
    counts: Counter[str] = Counter()
    for order in books.counted:
        for row in transactions(books, order):
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
    every = (row for order in books.counted for row in transactions(books, order))
    paid_out = [row for row in every if row["automatic_payout_id"]]
    return {
        "balance_change_summary.csv": table(header, rows),
        "payout_reconciliation.csv": payout_reconciliation(paid_out),
    }


def payout_reconciliation(rows: Iterable[Row]) -> bytes:
    """Write the itemised payout reconciliation of rows that are paid out, by payout."""
    listed = [{name: row[name] for name in PAYOUT_HEADER} for row in rows]
    listed.sort(key=lambda row: (str(row["automatic_payout_id"]), str(row["created_utc"])))
    return table(PAYOUT_HEADER, listed)


def payout_day(books: Books, at: datetime) -> date | None:
    """The day on which the money of an instant arrives; ``None``: it is not paid out yet."""
    day = books.local(at).date() + timedelta(days=2)
    if day.weekday() > 4:
        day += timedelta(days=7 - day.weekday())
    return day if day <= books.local(books.orders[-1].at).date() else None


def adjustment(books: Books, at: datetime, number: int, amount: Decimal) -> Row:
    """A transaction of no order: what Stripe takes for a service, or gives back."""
    return {
        **_times(books, at),
        "balance_transaction_id": f"txn_a{number}",
        "currency": books.currency.lower(),
        "gross": amount,
        "fee": ZERO,
        "net": amount,
        "reporting_category": "other_adjustment",
        "source_id": f"adj_{number}",
        "description": "Adjustment",
    }


def transactions(books: Books, order: Order) -> Iterator[Row]:
    """The charge of an order and its refunds."""
    charge = f"{order.order_id}-ch"
    gross, fee = books.total_of(order), fee_of(order, books)
    common: Row = {
        "currency": order.currency.lower(),
        "customer_facing_currency": order.currency.lower(),
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
    paid = payout_day(books, at)
    return {
        "automatic_payout_id": f"po_{paid:%Y%m%d}" if paid else "",
        "automatic_payout_effective_at": f"{paid:%Y-%m-%d} 00:00:00" if paid else "",
        "created_utc": f"{at:%Y-%m-%d %H:%M:%S}",
        "created": f"{local:%Y-%m-%d %H:%M:%S}",
        "available_on_utc": f"{at:%Y-%m-%d} 00:00:00",
        "available_on": f"{local:%Y-%m-%d} 00:00:00",
    }


PLATFORM = Platform(
    "stripe_itemised", Habits(), export, report,
    no_sales=lambda books: sum(1 for _ in _payouts(books)),
)  # fmt: skip
