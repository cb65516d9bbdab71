"""eBay: the Seller Hub orders report, and sales per day.

What belongs here: this platform's columns and habits of writing. What does not: what was sold.
Above the header stands a line of commas, below it an empty row, at the end the number of records.
An order of several items has a row of its own above them, with its shipping and total; of some the
items have shipping and total themselves. The total may hold the tax that eBay collects. The report
has no refunds and lists no cancelled orders; sales tax is collected by eBay and never the seller's.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from ecorse.simulate.platforms import Files, Platform
from ecorse.simulate.platforms.books import ZERO, BookLine, Books, Habits, Order, cents
from ecorse.simulate.platforms.tables import Row, daily_report, dollars, orders_of_day, table

HEADER = (
    "Sales Record Number", "Order Number", "Buyer Username", "Buyer Name", "Buyer Email",
    "Buyer Note", "Buyer Address 1", "Buyer Address 2", "Buyer City", "Buyer State", "Buyer Zip",
    "Buyer Country", "Ship To Name", "Ship To Phone", "Ship To Address 1", "Ship To Address 2",
    "Ship To City", "Ship To State", "Ship To Zip", "Ship To Country", "Item Number",
    "Item Title", "Custom Label", "Sold Via Promoted Listings", "Quantity", "Sold For",
    "Shipping And Handling", "Seller Collected Tax", "eBay Collected Tax", "Total Price",
    "eBay Collected Tax and Fees Included in Total", "Payment Method", "Sale Date", "Paid On Date",
    "Ship By Date", "Shipped On Date", "Feedback Left", "Feedback Received", "My Item Note",
    "Shipping Service", "Tracking Number", "Transaction ID", "Variation Details",
)  # fmt: skip
_EBAY_TAX = Decimal("0.07")


def export(books: Books) -> Files:
    """Write the orders report."""
    rows = [row for order in books.orders for row in _rows(books, order)]
    body = table(HEADER, [dict.fromkeys(HEADER, ""), *rows], quoted="all")
    commas = "," * (len(HEADER) - 1)
    foot = f'\n"{len(books.orders)},record(s) downloaded,"\n"Seller ID : simulated"\n'
    return {"simulated_orders_report.csv": f"{commas}\n".encode() + body + foot.encode()}


def report(books: Books) -> Files:
    """Write sales and shipping per day of the sale."""
    return {
        "sales_by_day.csv": daily_report(
            books, "order_date", "Date",
            {
                "Orders": orders_of_day(books),
                "Item sales": lambda _, day: dollars(day["gross"]),
                "Shipping and handling": lambda _, day: dollars(day["shipping"]),
                "Total sales": lambda _, day: dollars(day["total"]),
            },
        )
    }  # fmt: skip


def _rows(books: Books, order: Order) -> Iterator[Row]:
    buyer = order.buyer
    day = f"{books.local(order.at):%b-%d-%y}"
    sign = "$" if order.currency == books.currency else "C $"
    tax = cents(order.subtotal * _EBAY_TAX)
    holds_tax = order.number % 4 == 0
    total = books.total_of(order) + (tax if holds_tax else ZERO)
    common = {
        "Sales Record Number": order.number,
        "Order Number": order.order_id,
        "Buyer Username": f"buyer_{buyer.email.partition('@')[0]}",
    }
    of_order = {
        "Buyer Name": buyer.name,
        "Buyer Note": order.note,
        "Ship To Name": buyer.name,
        "Ship To City": buyer.city,
        "Ship To State": buyer.region,
        "Ship To Zip": buyer.postal_code,
        "Ship To Country": buyer.country,
        "Shipping And Handling": dollars(order.shipping, sign),
        "Seller Collected Tax": dollars(ZERO, sign),
        "eBay Collected Tax": dollars(tax, sign),
        "Total Price": dollars(total, sign),
        "eBay Collected Tax and Fees Included in Total": "Yes" if holds_tax else "No",
        "Sale Date": day,
        "Paid On Date": day,
    }
    if len(order.lines) == 1:
        yield common | of_order | _item(order.lines[0], order, sign)
        return
    yield (
        common
        | of_order
        | {
            "Quantity": sum(line.quantity for line in order.lines),
            "Sold For": dollars(order.subtotal, sign),
        }
    )
    has_own = order.number % 3 == 0
    for line in order.lines:
        own: dict[str, object] = {}
        if has_own:  # the first item's is what the others leave
            part = cents(order.shipping / len(order.lines))
            if line.number == 1:
                part = order.shipping - part * (len(order.lines) - 1)
            own = {
                "Shipping And Handling": dollars(part, sign),
                "Total Price": dollars(line.gross + part, sign),
            }
        yield common | {"Sale Date": day} | own | _item(line, order, sign)


def _item(line: BookLine, order: Order, sign: str) -> dict[str, object]:
    return {
        "Item Number": 330_000_000_000 + int(line.sku[-6:]),
        "Item Title": line.name,
        "Custom Label": line.sku,
        "Quantity": line.quantity,
        "Sold For": dollars(line.unit_price, sign),
        "Transaction ID": f"{order.number}{line.number:02}",
    }


PLATFORM = Platform(
    "ebay_orders",
    Habits(
        tax_rate=ZERO, line_discount=0.0, order_discount=0.0, refunded=0.0,
        partially_refunded=0.0, cancelled=0.0, guest=0.0, foreign=0.02,
    ),
    export,
    report,
    # the rows of orders, the line above the header, the one below it, and two at the end
    no_sales=lambda books: sum(len(order.lines) > 1 for order in books.orders) + 4,
    names_customers=False,
    is_no_sale=lambda record: not record[HEADER.index("Item Title")],
)  # fmt: skip
