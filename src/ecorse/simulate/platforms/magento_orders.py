"""Adobe Commerce (Magento): order items with their orders, and the orders report.

What belongs here: this platform's columns and habits of writing. What does not: what was sold.
The files are the tables ``sales_order_item`` and ``sales_order``; times are UTC, money has four
decimals. A configurable product has two rows: it with its price, and the chosen variant at 0. A
bundle has its price, and so have its parts once more, or these are at 0. The tax of the order has
that on shipping; its discount is below 0 and has that on shipping.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from ecorse.simulate.platforms import Files, Platform
from ecorse.simulate.platforms.books import ZERO, BookLine, Books, Habits, Order, cents
from ecorse.simulate.platforms.tables import Row, daily_report, orders_of_day, table

ITEMS = (
    "item_id", "order_id", "parent_item_id", "store_id", "created_at", "updated_at", "product_id",
    "product_type", "sku", "name", "qty_canceled", "qty_invoiced", "qty_ordered", "qty_refunded",
    "qty_shipped", "base_cost", "price", "original_price", "tax_percent", "tax_amount",
    "discount_percent", "discount_amount", "amount_refunded", "row_total", "row_invoiced",
)  # fmt: skip
ORDERS = (
    "entity_id", "state", "status", "coupon_code", "store_id", "customer_id", "discount_amount",
    "grand_total", "shipping_amount", "subtotal", "tax_amount", "total_paid", "total_qty_ordered",
    "total_refunded", "shipping_tax_amount", "shipping_discount_amount",
    "discount_tax_compensation_amount", "customer_is_guest", "increment_id", "order_currency_code",
    "customer_email", "created_at", "updated_at",
)  # fmt: skip
ORDERS_FILE = "sales_order.csv"
_STATUS = {"paid": "complete", "partially_refunded": "complete", "refunded": "closed",
           "cancelled": "canceled", "unpaid": "pending_payment"}  # fmt: skip
_OFF_SHIPPING = Decimal("3.00")  # where shipping was dearer before a discount on it


def export(books: Books) -> Files:
    """Write the order items, and the orders beside them."""
    items = (row for order in books.orders for row in _items(order))
    orders = (_order(books, order) for order in books.orders)
    return {
        "simulated_sales_order_item.csv": table(ITEMS, items, quoted="all"),
        ORDERS_FILE: table(ORDERS, orders, quoted="all"),
    }


def report(books: Books) -> Files:
    """Write the orders report: by the day of the order, cancelled ones apart."""
    return {
        "orders_report.csv": daily_report(
            books, "order_date", "Interval",
            {
                "Orders": orders_of_day(books),
                "Sales Total": lambda _, day: day["total"] + day["refunded"],
                "Refunded": lambda _, day: day["refunded"],
                "Sales Tax": lambda _, day: day["taxes"],
                "Sales Shipping": lambda _, day: day["shipping"],
                "Sales Discount": lambda _, day: -day["discounts"],
            },
        )
    }  # fmt: skip


def _items(order: Order) -> Iterator[Row]:
    back = {number for refund in order.refunds for number in refund.lines}
    for line in order.lines:
        item = order.number * 100 + line.number * 2
        of_what = _parts(order, line.number)
        common = {
            "order_id": order.number,
            "store_id": 1,
            "created_at": f"{order.at:%Y-%m-%d %H:%M:%S}",
            "updated_at": f"{order.at:%Y-%m-%d %H:%M:%S}",
            "sku": line.sku,
            "name": line.name,
            "qty_ordered": f"{line.quantity}.0000",
        }
        yield common | {
            "item_id": item,
            "product_id": line.sku,
            "product_type": of_what,
            "price": _four(line.unit_price),
            "original_price": _four(line.unit_price),
            "tax_percent": "8.2500",
            "tax_amount": _four(line.tax),
            "discount_amount": _four(line.discount + line.share),
            "amount_refunded": _four(line.paid if line.number in back else ZERO),
            "row_total": _four(line.gross),
        }
        if of_what == "bundle":
            yield from _of_bundle(common, line, item)
        if of_what == "configurable":
            yield common | {
                "item_id": item + 1,
                "parent_item_id": item,
                "product_id": f"{line.sku}-V",
                "product_type": "simple",
                "price": _four(ZERO),
                "original_price": _four(ZERO),
                "tax_amount": _four(ZERO),
                "discount_amount": _four(ZERO),
                "amount_refunded": _four(ZERO),
                "row_total": _four(ZERO),
            }


def _parts(order: Order, number: int) -> str:
    """What a line is to Magento."""
    if number > 1:
        return "simple"
    return "bundle" if order.number % 5 == 0 else "configurable"


def _of_bundle(common: Row, line: BookLine, item: int) -> Iterator[Row]:
    """Two parts of a bundle, with the bundle's price between them, or at 0 where it is fixed."""
    is_fixed = line.quantity % 2 == 0
    first = ZERO if is_fixed else cents(line.gross / 3)
    for nth, total in enumerate((first, ZERO if is_fixed else line.gross - first), 1):
        yield {
            **common,
            "item_id": f"{item}{nth}",
            "parent_item_id": item,
            "product_id": f"{line.sku}-{nth}",
            "product_type": "simple",
            "price": _four(total / line.quantity),
            "tax_amount": _four(line.tax if nth == 1 and not is_fixed else ZERO),
            "discount_amount": _four(ZERO),
            "row_total": _four(total),
        }


def _order(books: Books, order: Order) -> Row:
    buyer = order.buyer
    is_paid_back = order.state in ("refunded", "partially_refunded")
    off = sum((line.discount + line.share for line in order.lines), ZERO)
    off_shipping = _OFF_SHIPPING if order.number % 7 == 0 else ZERO
    is_unpaid = order.state in ("cancelled", "unpaid")
    return {
        "entity_id": order.number,
        "state": "new" if order.state == "unpaid" and order.number % 2 else _STATUS[order.state],
        "status": _STATUS[order.state],
        "coupon_code": order.code,
        "store_id": 1,
        "customer_id": buyer.customer_id,
        "discount_amount": _four(-off - off_shipping),
        "grand_total": _four(books.total_of(order)),
        "shipping_amount": _four(order.shipping + off_shipping),
        "shipping_discount_amount": _four(off_shipping),
        "shipping_tax_amount": _four(order.shipping_tax),
        "discount_tax_compensation_amount": _four(ZERO),
        "subtotal": _four(sum((line.gross for line in order.lines), ZERO)),
        "tax_amount": _four(order.taxes),
        "total_paid": _four(ZERO if is_unpaid else books.total_of(order)),
        "total_refunded": _four(order.refunded) if is_paid_back else "",
        "customer_is_guest": int(not buyer.customer_id),
        "increment_id": order.order_id,
        "order_currency_code": order.currency,
        "customer_email": buyer.email,
        "created_at": f"{order.at:%Y-%m-%d %H:%M:%S}",
        "updated_at": f"{order.at:%Y-%m-%d %H:%M:%S}",
    }


def _four(amount: Decimal) -> str:
    return f"{amount:.4f}"


PLATFORM = Platform(
    "magento_orders",
    Habits(unpaid=0.02, taxes_shipping=True),
    export,
    report,
    # every row of an order that is not paid; of others the parts of what is sold
    no_sales=lambda books: sum(
        1
        for order in books.orders
        for row in _items(order)
        if order.state == "unpaid" or row.get("parent_item_id")
    ),
)
