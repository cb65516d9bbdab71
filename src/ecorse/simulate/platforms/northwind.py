"""Northwind: order details with orders, products and categories beside them, as CSV.

What belongs here: the files of this sample database and its habits. What does not: what was sold.
Missing values are written NULL; a date is written with a midnight that is no time; freight is the
order's; a discount is a share of the line.
"""

from __future__ import annotations

from collections.abc import Iterator

from ecorse.simulate.platforms import Files, Platform
from ecorse.simulate.platforms.books import ZERO, Books, Habits, Order
from ecorse.simulate.platforms.tables import Row, daily_report, orders_of_day, table

DETAILS = ("OrderID", "ProductID", "UnitPrice", "Quantity", "Discount")
ORDERS = ("OrderID", "CustomerID", "EmployeeID", "OrderDate", "RequiredDate", "ShippedDate",
          "ShipVia", "Freight", "ShipName", "ShipAddress", "ShipCity", "ShipRegion",
          "ShipPostalCode", "ShipCountry")  # fmt: skip
PRODUCTS = ("ProductID", "ProductName", "SupplierID", "CategoryID", "QuantityPerUnit", "UnitPrice",
            "UnitsInStock", "UnitsOnOrder", "ReorderLevel", "Discontinued")  # fmt: skip
CATEGORIES = ("CategoryID", "CategoryName", "Description", "Picture")


def export(books: Books) -> Files:
    """Write the order details, and the three files that complete them."""
    orders = books.orders
    goods = {line.sku: line for order in orders for line in order.lines}
    ids = {name: i for i, name in enumerate(sorted({g.category for g in goods.values()}), 1)}
    return {
        "simulated_order_details.csv": table(
            DETAILS, (row for order in orders for row in _details(order))
        ),
        "orders.csv": table(ORDERS, (_order(books, order) for order in orders)),
        "products.csv": table(
            PRODUCTS,
            ({"ProductID": sku, "ProductName": line.name, "CategoryID": ids[line.category],
              "UnitPrice": line.unit_price} for sku, line in sorted(goods.items())),
        ),
        "categories.csv": table(
            CATEGORIES, ({"CategoryID": i, "CategoryName": name} for name, i in ids.items())
        ),
    }  # fmt: skip


def report(books: Books) -> Files:
    """Write what the orders of each day add up to; the sample itself has no report."""
    return {
        "orders_by_day.csv": daily_report(
            books, "order_date", "Date",
            {
                "Orders": orders_of_day(books),
                "Sales": lambda _, day: day["gross"],
                "Freight": lambda _, day: day["shipping"],
                "Total": lambda _, day: day["total"],
            },
        )
    }  # fmt: skip


def _details(order: Order) -> Iterator[Row]:
    for line in order.lines:
        yield {
            "OrderID": order.order_id,
            "ProductID": line.sku,
            "UnitPrice": f"{line.unit_price:.4f}",
            "Quantity": line.quantity,
            "Discount": "0",
        }


def _order(books: Books, order: Order) -> Row:
    buyer = order.buyer
    return {
        "OrderID": order.order_id,
        "CustomerID": buyer.customer_id or "NULL",
        "OrderDate": f"{books.local(order.at):%Y-%m-%d} 00:00:00.000",
        "ShippedDate": "NULL",
        "Freight": f"{order.shipping:.4f}",
        "ShipName": buyer.name,
        "ShipAddress": buyer.street,
        "ShipCity": buyer.city,
        "ShipRegion": buyer.region,
        "ShipPostalCode": buyer.postal_code,
        "ShipCountry": buyer.country,
    }


PLATFORM = Platform(
    "northwind",
    Habits(
        tax_rate=ZERO, line_discount=0.0, order_discount=0.0, refunded=0.0,
        partially_refunded=0.0, cancelled=0.0,
    ),
    export,
    report,
)  # fmt: skip
