"""WooCommerce: the orders export with one row per item, and the report "Revenue".

What belongs here: this platform's columns and habits of writing. What does not: what was sold.
Money of the order stands on each of its rows; a coupon's part is taken off each item's total; a
guest is customer 0; of a refund the export says its amount and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator

from ecorse.simulate.platforms import Files, Platform
from ecorse.simulate.platforms.books import ZERO, Books, Habits, Order
from ecorse.simulate.platforms.tables import Row, daily_report, orders_of_day, table

HEADER = (
    "order_id", "order_number", "order_number_formatted", "date", "status", "shipping_total",
    "shipping_tax_total", "fee_total", "fee_tax_total", "tax_total", "discount_total",
    "order_total", "refunded_total", "order_currency", "payment_method", "shipping_method",
    "customer_id", "billing_first_name", "billing_last_name", "billing_full_name",
    "billing_company", "billing_email", "billing_phone", "billing_address_1",
    "billing_address_2", "billing_postcode", "billing_city", "billing_state", "billing_country",
    "customer_note", "item_id", "item_product_id", "item_name", "item_sku", "item_quantity",
    "item_subtotal", "item_subtotal_tax", "item_total", "item_total_tax", "item_refunded",
    "item_refunded_qty", "item_meta", "item_price", "order_notes", "download_permissions",
)  # fmt: skip
_STATUS = {"paid": "completed", "partially_refunded": "completed", "refunded": "refunded",
           "cancelled": "cancelled", "unpaid": "pending"}  # fmt: skip


def export(books: Books) -> Files:
    """Write the orders export, with the byte order mark that the plugin may be told to write."""
    rows = (row for order in books.orders for row in _rows(books, order))
    return {
        "simulated_orders_export_one_row_per_item.csv": table(HEADER, rows, encoding="utf-8-sig")
    }


def report(books: Books) -> Files:
    """Write "Revenue": refunds count on their own day; cancelled orders are in no figure."""
    figures = Books(books.currency, books.time_zone, books.tax_included, False, books.orders)
    return {
        "revenue.csv": daily_report(
            figures, "event_date", "Date",
            {
                "Orders": orders_of_day(figures),
                "Gross sales": lambda _, day: day["gross"],
                "Returns": lambda _, day: day["returns"],
                "Coupons": lambda _, day: day["discounts"],
                "Net sales": lambda _, day: day["net"],
                "Taxes": lambda _, day: day["taxes"],
                "Shipping": lambda _, day: day["shipping"],
                "Total sales": lambda _, day: day["total"],
            },
        )
    }  # fmt: skip


def _rows(books: Books, order: Order) -> Iterator[Row]:
    back = {number for refund in order.refunds for number in refund.lines}
    is_paid_back = order.state in ("refunded", "partially_refunded")
    buyer = order.buyer
    for line in order.lines:
        is_back = is_paid_back and line.number in back
        yield {
            "order_id": order.order_id,
            "order_number": order.number,
            "order_number_formatted": order.number,
            "date": f"{books.local(order.at):%Y-%m-%d %H:%M:%S}",
            "status": _STATUS[order.state],
            "shipping_total": order.shipping,
            "shipping_tax_total": order.shipping_tax,
            "fee_total": ZERO,
            "fee_tax_total": ZERO,
            "tax_total": order.taxes,
            "discount_total": order.discount,
            "order_total": books.total_of(order),
            "refunded_total": order.refunded if is_paid_back else ZERO,
            "order_currency": order.currency,
            "payment_method": "stripe",
            "shipping_method": "Flat rate",
            "customer_id": buyer.customer_id or 0,
            "billing_full_name": buyer.name,
            "billing_email": buyer.email,
            "billing_address_1": buyer.street,
            "billing_postcode": buyer.postal_code,
            "billing_city": buyer.city,
            "billing_state": buyer.region,
            "billing_country": buyer.country,
            "customer_note": order.note,
            "item_id": order.number * 100 + line.number,
            "item_product_id": line.sku,
            "item_name": line.name,
            "item_sku": line.sku,
            "item_quantity": line.quantity,
            "item_subtotal": line.gross,
            "item_subtotal_tax": line.tax,
            "item_total": line.paid,
            "item_total_tax": line.tax,
            "item_refunded": line.paid if is_back else ZERO,
            "item_refunded_qty": line.quantity if is_back else 0,
            "item_price": f"{line.paid / line.quantity:.6f}",
        }


PLATFORM = Platform(
    "woocommerce_orders",
    Habits(line_discount=0.0, guest=0.25, order_discount=0.25, unpaid=0.02, taxes_shipping=True),
    export,
    report,
    no_sales=lambda books: sum(
        len(order.lines) for order in books.orders if order.state == "unpaid"
    ),
)
