"""Shopify: the orders export, and the report "Sales over time".

What belongs here: this platform's columns and habits of writing. What does not: what was sold.
Values of the order stand on its first line only; tips and gift cards are lines; times have an
offset; of a refund the export says its amount and nothing else. The order's discount amount has
that of its lines and that on its shipping too.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from ecorse.simulate.platforms import Files, Platform
from ecorse.simulate.platforms.books import ZERO, BookLine, Books, Habits, Order
from ecorse.simulate.platforms.tables import Row, daily_report, orders_of_day, table

HEADER = (
    "Name", "Email", "Financial Status", "Paid at", "Fulfillment Status", "Fulfilled at",
    "Accepts Marketing", "Currency", "Subtotal", "Shipping", "Taxes", "Total", "Discount Code",
    "Discount Amount", "Shipping Method", "Created at", "Lineitem quantity", "Lineitem name",
    "Lineitem price", "Lineitem compare at price", "Lineitem sku", "Lineitem requires shipping",
    "Lineitem taxable", "Lineitem fulfillment status", "Billing Name", "Billing Street",
    "Billing Address1", "Billing Address2", "Billing Company", "Billing City", "Billing Zip",
    "Billing Province", "Billing Country", "Billing Phone", "Shipping Name", "Shipping Street",
    "Shipping Address1", "Shipping Address2", "Shipping Company", "Shipping City", "Shipping Zip",
    "Shipping Province", "Shipping Country", "Shipping Phone", "Notes", "Note Attributes",
    "Cancelled at", "Payment Method", "Payment Reference", "Refunded Amount", "Vendor",
    "Outstanding Balance", "Employee", "Location", "Device ID", "Id", "Tags", "Risk Level",
    "Source", "Lineitem discount", "Tax 1 Name", "Tax 1 Value", "Tax 2 Name", "Tax 2 Value",
    "Tax 3 Name", "Tax 3 Value", "Tax 4 Name", "Tax 4 Value", "Tax 5 Name", "Tax 5 Value", "Phone",
    "Receipt Number", "Duties", "Billing Province Name", "Shipping Province Name", "Payment ID",
    "Payment Terms Name", "Next Payment Due At", "Payment References",
)  # fmt: skip
TEST_GATEWAYS = ("(for testing) Bogus Gateway", "bogus")
_OFF_SHIPPING = Decimal("4.00")  # where shipping was dearer before a discount on it


def export(books: Books) -> Files:
    """Write the orders export, newest order first as the admin gives it."""
    rows = (row for order in reversed(books.orders) for row in _rows(books, order))
    return {"simulated_orders_export.csv": table(HEADER, rows)}


def report(books: Books) -> Files:
    """Write "Sales over time": a return counts on its own day; tips and gift cards are no sales."""
    return {
        "sales_over_time.csv": daily_report(
            books, "event_date", "Day",
            {
                "Orders": orders_of_day(books),
                "Gross sales": lambda _, day: day["gross"],
                "Discounts": lambda _, day: -day["discounts"],
                "Returns": lambda _, day: -day["returns"],
                "Net sales": lambda _, day: day["net"],
                "Shipping charges": lambda _, day: day["shipping"],
                "Duties": lambda *_: ZERO,
                "Additional fees": lambda *_: ZERO,
                "Taxes": lambda _, day: day["taxes"],
                "Total sales": lambda _, day: day["net"] + day["shipping"] + day["taxes"],
            },
        )
    }  # fmt: skip


def _rows(books: Books, order: Order) -> Iterator[Row]:
    for line in order.lines:
        of_order = _of_order(books, order) if line.number == 1 else {}
        yield {
            "Name": order.order_id,
            "Email": order.buyer.email,
            "Created at": _time(books, order.at),
            **of_order,
            **_of_line(line),
        }


def _of_line(line: BookLine) -> Row:
    return {
        "Lineitem quantity": line.quantity,
        "Lineitem name": line.name,
        "Lineitem price": line.unit_price,
        "Lineitem sku": line.sku,
        "Lineitem requires shipping": "true" if line.kind == "product" else "false",
        "Lineitem taxable": "true" if line.kind == "product" else "false",
        "Lineitem fulfillment status": "fulfilled",
        "Lineitem discount": line.discount,
        "Vendor": "Simulated",
    }


def _of_order(books: Books, order: Order) -> Row:
    cancelled = order.state == "cancelled"
    # a cancelled order was paid and is refunded, or never was paid
    is_void = cancelled and order.number % 2 == 0
    buyer = order.buyer
    off_shipping = _OFF_SHIPPING if order.number % 7 == 0 else ZERO
    off_lines = sum((line.discount for line in order.lines), ZERO)
    return {
        "Financial Status": "voided" if is_void else "refunded" if cancelled else order.state,
        "Paid at": "" if is_void else _time(books, order.at),
        "Fulfillment Status": "unfulfilled" if cancelled else "fulfilled",
        "Accepts Marketing": "no",
        "Currency": order.currency,
        "Subtotal": order.subtotal,
        "Shipping": order.shipping + off_shipping,
        "Taxes": order.taxes,
        "Total": books.total_of(order),
        "Discount Code": order.code,
        "Discount Amount": order.discount + off_lines + off_shipping,
        "Shipping Method": "Standard",
        "Billing Name": buyer.name,
        "Billing Street": buyer.street,
        "Billing City": buyer.city,
        "Billing Zip": f"'{buyer.postal_code}",  # as the export guards leading zeros
        "Billing Province": buyer.region,
        "Billing Country": buyer.country,
        "Notes": order.note,
        "Cancelled at": _time(books, order.refunds[0].at) if cancelled else "",
        "Payment Method": TEST_GATEWAYS[order.number % 2] if order.is_test else "Shopify Payments",
        "Refunded Amount": ZERO if is_void else order.refunded,
        "Outstanding Balance": ZERO,
        "Id": 4_500_000_000_000 + order.number,
        "Risk Level": "Low",
        "Source": "web",
        "Tax 1 Name": "State Tax",
        "Tax 1 Value": order.taxes,
    }


def _time(books: Books, at: datetime) -> str:
    """An instant as the export writes it: ``2019-03-15 09:30:12 -0400``."""
    local = at.replace(tzinfo=UTC).astimezone(ZoneInfo(books.time_zone))
    return local.strftime("%Y-%m-%d %H:%M:%S %z")


PLATFORM = Platform(
    "shopify_orders",
    Habits(tip=0.04, gift_card=0.02, test=0.01, twice_every=60),
    export,
    report,
    no_sales=lambda books: sum(len(order.lines) for order in books.orders if order.is_test),
    names_customers=False,
)
