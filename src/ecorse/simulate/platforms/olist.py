"""Olist: order items with orders, customers and products beside them, in the published layout.

What belongs here: the files of this public data set and its habits. What does not: what was sold.
A row is one piece; freight is paid per item; the customer of an order has an id of that order only.
"""

from __future__ import annotations

from collections.abc import Iterator

from ecorse.simulate.platforms import Files, Platform
from ecorse.simulate.platforms.books import ZERO, Books, Habits, Order
from ecorse.simulate.platforms.tables import Row, daily_report, orders_of_day, table

ITEMS = ("order_id", "order_item_id", "product_id", "seller_id", "shipping_limit_date", "price",
         "freight_value")  # fmt: skip
ORDERS = ("order_id", "customer_id", "order_status", "order_purchase_timestamp",
          "order_approved_at", "order_delivered_carrier_date", "order_delivered_customer_date",
          "order_estimated_delivery_date")  # fmt: skip
CUSTOMERS = ("customer_id", "customer_unique_id", "customer_zip_code_prefix", "customer_city",
             "customer_state")  # fmt: skip
PRODUCTS = ("product_id", "product_category_name", "product_name_lenght",
            "product_description_lenght", "product_photos_qty", "product_weight_g",
            "product_length_cm", "product_height_cm", "product_width_cm")  # fmt: skip
NAMES = ("product_category_name", "product_category_name_english")


def export(books: Books) -> Files:
    """Write the order items, and the four files that complete them."""
    orders = books.orders
    goods = {line.sku: line.category for order in orders for line in order.lines}
    return {
        "simulated_olist_order_items_dataset.csv": table(
            ITEMS, (row for order in orders for row in _items(books, order))
        ),
        "olist_orders_dataset.csv": table(ORDERS, (_order(books, order) for order in orders)),
        "olist_customers_dataset.csv": table(CUSTOMERS, map(_customer, orders)),
        "olist_products_dataset.csv": table(
            PRODUCTS,
            ({"product_id": sku, "product_category_name": f"pt_{category}"}
             for sku, category in sorted(goods.items())),
        ),
        "product_category_name_translation.csv": table(
            NAMES,
            ({"product_category_name": f"pt_{category}", "product_category_name_english": category}
             for category in sorted(set(goods.values()))),
            encoding="utf-8-sig",
        ),
    }  # fmt: skip


def report(books: Books) -> Files:
    """Write what the orders of each day add up to; the set itself has no report."""
    return {
        "orders_by_day.csv": daily_report(
            books, "order_date", "Date",
            {
                "Orders": orders_of_day(books),
                "Price": lambda _, day: day["gross"],
                "Freight": lambda _, day: day["shipping"],
                "Total": lambda _, day: day["total"],
            },
        )
    }  # fmt: skip


def _items(books: Books, order: Order) -> Iterator[Row]:
    number = 0
    for line in order.lines:
        for _ in range(line.quantity):
            number += 1
            yield {
                "order_id": order.order_id,
                "order_item_id": number,
                "product_id": line.sku,
                "seller_id": "seller-1",
                "shipping_limit_date": f"{books.local(order.at):%Y-%m-%d %H:%M:%S}",
                "price": line.unit_price,
                "freight_value": order.shipping if number == 1 else ZERO,
            }


def _order(books: Books, order: Order) -> Row:
    return {
        "order_id": order.order_id,
        "customer_id": f"of-{order.order_id}",
        "order_status": "canceled" if order.state == "cancelled" else "delivered",
        "order_purchase_timestamp": f"{books.local(order.at):%Y-%m-%d %H:%M:%S}",
    }


def _customer(order: Order) -> Row:
    buyer = order.buyer
    return {
        "customer_id": f"of-{order.order_id}",
        "customer_unique_id": buyer.customer_id,
        "customer_zip_code_prefix": buyer.postal_code,
        "customer_city": buyer.city.lower(),
        "customer_state": buyer.region,
    }


PLATFORM = Platform(
    "olist",
    Habits(
        currency="BRL", tax_rate=ZERO, line_discount=0.0, order_discount=0.0, refunded=0.0,
        partially_refunded=0.0, guest=0.0,
    ),
    export,
    report,
)  # fmt: skip
