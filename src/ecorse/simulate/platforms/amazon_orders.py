"""Amazon: the report "All orders" (tab separated), and "Sales and traffic by date".

What belongs here: this platform's columns and habits of writing. What does not: what was sold.
Money stands per line, before its promotion; times are UTC; a cancelled line has no price; refunds
are in other reports. A seller's account may hold orders of neighbouring marketplaces, and parcels
that Amazon sends for sales made elsewhere, without a price.
"""

from __future__ import annotations

from collections.abc import Iterator

from ecorse.simulate.platforms import Files, Platform
from ecorse.simulate.platforms.books import Books, Habits, Order
from ecorse.simulate.platforms.tables import Row, daily_report, dollars, table

HEADER = (
    "amazon-order-id", "merchant-order-id", "purchase-date", "last-updated-date", "order-status",
    "fulfillment-channel", "sales-channel", "order-channel", "url", "ship-service-level",
    "product-name", "sku", "asin", "item-status", "quantity", "currency", "item-price", "item-tax",
    "shipping-price", "shipping-tax", "gift-wrap-price", "gift-wrap-tax",
    "item-promotion-discount", "ship-promotion-discount", "ship-city", "ship-state",
    "ship-postal-code", "ship-country", "promotion-ids", "is-business-order",
    "purchase-order-number", "price-designation",
)  # fmt: skip

_PARCEL_EVERY = 40


def export(books: Books) -> Files:
    """Write the report of all orders."""
    rows = (row for order in books.orders for row in (*_rows(order), *_parcels(order)))
    return {
        "simulated_all_orders.txt": table(
            HEADER, rows, delimiter="\t", line_end="\r\n", quoted="never"
        )
    }


def report(books: Books) -> Files:
    """Write ordered product sales per day, before promotions, shipping and tax."""
    units: dict[object, int] = {}
    for order in books.counted:
        day = books.local(order.at).date()
        units[day] = units.get(day, 0) + sum(line.quantity for line in order.lines)
    return {
        "sales_and_traffic_by_date.csv": daily_report(
            books, "order_date", "Date",
            {
                "Ordered Product Sales": lambda _, day: dollars(day["gross"]),
                "Units Ordered": lambda day, _: units.get(day, 0),
            },
        )
    }  # fmt: skip


def _rows(order: Order) -> Iterator[Row]:
    cancelled = order.state == "cancelled"
    for line in order.lines:
        money: Row = {
            "quantity": line.quantity,
            "currency": order.currency,
            "item-price": line.gross,
            "item-tax": line.tax,
            "shipping-price": order.shipping if line.number == 1 and order.shipping else "",
            "item-promotion-discount": line.discount + line.share or "",
            "promotion-ids": order.code,
        }
        yield {
            "amazon-order-id": order.order_id,
            "merchant-order-id": order.number,
            "purchase-date": f"{order.at:%Y-%m-%dT%H:%M:%S}+00:00",
            "last-updated-date": f"{order.at:%Y-%m-%dT%H:%M:%S}+00:00",
            "order-status": "Cancelled" if cancelled else "Shipped",
            "fulfillment-channel": "Amazon",
            "sales-channel": "Amazon.com" if order.currency == "USD" else "Amazon.ca",
            "ship-service-level": "Standard",
            "product-name": line.name,
            "sku": line.sku,
            "asin": f"B0{line.sku[-8:].replace('-', '0')}",
            "item-status": "Cancelled" if cancelled else "Shipped",
            "ship-city": order.buyer.city,
            "ship-state": order.buyer.region,
            "ship-postal-code": order.buyer.postal_code,
            "ship-country": "US",
            "is-business-order": "false",
            **({"quantity": 0} if cancelled else money),
        }


def _parcels(order: Order) -> tuple[Row, ...]:
    """A parcel for a sale made elsewhere, beside every fortieth order."""
    if order.number % _PARCEL_EVERY:
        return ()
    row = next(_rows(order))
    unpriced = ("currency", "item-price", "item-tax", "shipping-price", "item-promotion-discount")
    return (
        {
            **{name: value for name, value in row.items() if name not in unpriced},
            "amazon-order-id": f"S01-{order.number:07}",
            "order-status": "Shipped",
            "item-status": "Shipped",
            "sales-channel": "Non-Amazon",
            "quantity": 1,
        },
    )


PLATFORM = Platform(
    "amazon_orders",
    Habits(
        refunded=0.0, partially_refunded=0.0, counts_cancelled=False, foreign=0.02, guest=1.0,
        twice_every=60,
    ),
    export,
    report,
    no_sales=lambda books: sum(
        len(order.lines) * (order.state == "cancelled") + len(_parcels(order))
        for order in books.orders
    ),
    names_customers=False,
)  # fmt: skip
