"""Etsy: "Sold order items", and a statement of the shop's money per day.

What belongs here: this platform's columns and habits of writing. What does not: what was sold.
A date has no time. Shipping and sales tax of the order stand on its first line, others say 0.00.
Refunded and cancelled orders cannot be told from others in this file; a shop's statement has them.
"""

from __future__ import annotations

from collections.abc import Iterator

from ecorse.simulate.platforms import Files, Platform
from ecorse.simulate.platforms.books import ZERO, Books, Habits, Order
from ecorse.simulate.platforms.tables import Row, daily_report, orders_of_day, table

HEADER = (
    "Sale Date", "Item Name", "Buyer", "Quantity", "Price", "Coupon Code", "Coupon Details",
    "Discount Amount", "Shipping Discount", "Order Shipping", "Order Sales Tax", "Item Total",
    "Currency", "Transaction ID", "Listing ID", "Date Paid", "Date Shipped", "Ship Name",
    "Ship Address1", "Ship Address2", "Ship City", "Ship State", "Ship Zipcode", "Ship Country",
    "Order ID", "Variations", "Order Type", "Listings Type", "Payment Type", "InPerson Discount",
    "InPerson Location", "VAT Paid by Buyer", "SKU",
)  # fmt: skip


def export(books: Books) -> Files:
    """Write the sold order items, newest first."""
    rows = (row for order in reversed(books.orders) for row in _rows(books, order))
    return {"simulated_EtsySoldOrderItems.csv": table(HEADER, rows, line_end="\r\n")}


def report(books: Books) -> Files:
    """Write sales, discounts, shipping and tax per day of the sale."""
    return {
        "statement_by_day.csv": daily_report(
            books, "order_date", "Date",
            {
                "Orders": orders_of_day(books),
                "Sales": lambda _, day: day["gross"],
                "Discounts": lambda _, day: -day["discounts"],
                "Shipping": lambda _, day: day["shipping"],
                "Sales tax": lambda _, day: day["taxes"],
                "Total": lambda _, day: day["total"],
            },
        )
    }  # fmt: skip


def _rows(books: Books, order: Order) -> Iterator[Row]:
    day = f"{books.local(order.at):%m/%d/%y}"
    buyer = order.buyer
    for line in order.lines:
        is_first = line.number == 1
        yield {
            "Sale Date": day,
            "Item Name": line.name,
            "Buyer": f"{buyer.name} ({buyer.customer_id.lower()})" if buyer.customer_id else "",
            "Quantity": line.quantity,
            "Price": line.unit_price,
            "Coupon Code": order.code,
            "Discount Amount": line.discount + line.share,
            "Shipping Discount": ZERO,
            "Order Shipping": order.shipping if is_first else ZERO,
            "Order Sales Tax": order.taxes if is_first else ZERO,
            "Item Total": line.gross,
            "Currency": order.currency,
            "Transaction ID": f"{order.number}{line.number:02}",
            "Listing ID": line.sku,
            "Date Paid": day,
            "Date Shipped": day,
            "Ship Name": buyer.name,
            "Ship Address1": buyer.street,
            "Ship City": buyer.city,
            "Ship State": buyer.region,
            "Ship Zipcode": buyer.postal_code,
            "Ship Country": buyer.country,
            "Order ID": order.order_id,
            "Order Type": "online",
            "Listings Type": "listing",
            "Payment Type": "online_cc",
            "InPerson Discount": "",
            "VAT Paid by Buyer": ZERO,
            "SKU": line.sku,
        }


PLATFORM = Platform(
    "etsy_order_items",
    Habits(refunded=0.0, partially_refunded=0.0, cancelled=0.0, foreign=0.02),
    export,
    report,
    names_customers=False,
)
