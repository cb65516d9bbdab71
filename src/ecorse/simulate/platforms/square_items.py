"""Square: the item details export, and the sales summary.

What belongs here: this platform's columns and habits of writing. What does not: what was sold.
Money has a sign (``$8.00``), discounts are below zero, pieces are written ``1.0``; what is taken
back is a row of its own day with pieces and money below zero. Some goods are weighed: their pieces
have parts. Times are on the clock of the account's zone, which stands beside them. Tips and
shipping are not in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

from ecorse.simulate.platforms import Files, Platform
from ecorse.simulate.platforms.books import (
    ZERO,
    BookLine,
    Books,
    Habits,
    Order,
    Refund,
    cents,
)
from ecorse.simulate.platforms.tables import Row, daily_report, dollars, table

HEADER = (
    "Date", "Time", "Time Zone", "Category", "Item", "Qty", "Price Point Name", "SKU",
    "Modifiers Applied", "Gross Sales", "Discounts", "Net Sales", "Tax", "Transaction ID",
    "Payment ID", "Device Name", "Notes", "Details", "Event Type", "Location", "Dining Option",
    "Customer ID", "Customer Name", "Customer Reference ID", "Unit", "Count", "GTIN",
    "Itemization Type", "Commission", "Employee", "Fulfillment Note", "Channel", "Token",
    "Card Brand", "PAN Suffix",
)  # fmt: skip


_PART = Decimal("0.25")  # what is missing to a whole piece
_ZONE, _ZONE_WORD = "America/New_York", "Eastern Time (US & Canada)"


def export(books: Books) -> Files:
    """Write the item details, newest first as the dashboard gives them."""
    rows = sorted(
        (row for order in books.orders for row in _rows(books, order)),
        key=lambda row: (str(row["Date"]), str(row["Time"])),
        reverse=True,
    )
    return {"simulated_items.csv": table(HEADER, rows)}


def report(books: Books) -> Files:
    """Write the sales summary per day; what is taken back counts on its own day."""
    return {
        "sales_summary.csv": daily_report(
            books, "event_date", "Date",
            {
                "Gross Sales": lambda _, day: dollars(day["gross"]),
                "Returns": lambda _, day: dollars(-day["returns"]),
                "Discounts & Comps": lambda _, day: dollars(-day["discounts"]),
                "Net Sales": lambda _, day: dollars(day["net"]),
                "Tax": lambda _, day: dollars(day["taxes"]),
                "Gift Card Sales": lambda _, day: dollars(day["gift_cards"]),
                "Total": lambda _, day: dollars(day["net"] + day["taxes"] + day["gift_cards"]),
            },
        )
    }  # fmt: skip


def _rows(books: Books, order: Order) -> Iterator[Row]:
    for line in order.lines:
        for part in _rung_up(line):
            yield _common(books, order, None) | _goods(part, 1)
    for refund in order.refunds:
        if refund.lines:
            for line in order.lines:
                if line.number in refund.lines:
                    yield _common(books, order, refund) | _goods(line, -1)
        else:  # money without goods
            yield _common(books, order, refund) | {
                "Item": "Custom Amount",
                "Qty": "-1.0",
                "Gross Sales": dollars(-refund.goods),
                "Discounts": dollars(ZERO),
                "Net Sales": dollars(-refund.goods),
                "Tax": dollars(ZERO),
                "Itemization Type": "Custom Amount",
                "Count": -1,
            }


def _rung_up(line: BookLine) -> tuple[BookLine, ...]:
    """A line as it was rung up: two pieces one by one, where both come out alike to the cent."""
    half = line.tax / 2
    if line.quantity != 2 or line.discount or line.share or half != cents(half):
        return (line,)
    return (replace(line, quantity=1, tax=half),) * 2


def _common(books: Books, order: Order, refund: Refund | None) -> dict[str, object]:
    local = replace(books, time_zone=_ZONE).local(refund.at if refund else order.at)
    return {
        "Date": f"{local:%Y-%m-%d}",
        "Time": f"{local:%H:%M:%S}",
        "Time Zone": _ZONE_WORD,
        "Transaction ID": order.order_id,
        "Payment ID": f"{order.order_id}{'-R' if refund else ''}",
        "Device Name": "Register 1",
        "Notes": order.note,
        "Event Type": "Refund" if refund else "Payment",
        "Location": "Simulated",
        "Customer ID": order.buyer.customer_id,
        "Unit": "ea",
        "Commission": dollars(ZERO),
        "Channel": "Simulated",
        "Card Brand": "Visa",
        "PAN Suffix": "7084",
    }


def _goods(line: BookLine, sign: int) -> dict[str, object]:
    off = line.discount + line.share
    is_weighed = line.kind == "product" and int(line.sku[-2:]) % 10 == 3
    return {
        "Category": line.category,
        "Item": line.name,
        "Qty": sign * (Decimal(f"{line.quantity}.0") - (_PART if is_weighed else 0)),
        "Price Point Name": "Regular",
        "SKU": line.sku,
        "Gross Sales": dollars(sign * line.gross),
        "Discounts": dollars(-sign * off),
        "Net Sales": dollars(sign * line.paid),
        "Tax": dollars(sign * line.tax),
        "Itemization Type": "Gift Card" if line.kind == "gift_card" else "Physical Good",
        "Unit": "lb" if is_weighed else "ea",
        "Count": sign if is_weighed else sign * line.quantity,
        "Token": line.sku,
    }


PLATFORM = Platform("square_items", Habits(shipped=0.0, guest=0.5, gift_card=0.02), export, report)
