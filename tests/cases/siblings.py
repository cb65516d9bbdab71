"""Shops beside cases 16 and 19, made here: each a few rows, whose right answers are worked out.

What belongs here: the rows. What does not: loading them (``conftest``), the answers
(``test_purchases_only``).
"""

from __future__ import annotations

HEAD = "order,sku,item,category,qty,price,time,customer,status"
DATES = """
about = "Order lines whose file tells the date alone, with numbers for categories."
table = "order_lines"
columns = [
  { name = "order", target = "order_id" },
  { name = "sku", target = "product_id" },
  { name = "item", target = "product_name" },
  { name = "category", target = "category", required = false },
  { name = "qty", target = "quantity", type = "integer" },
  { name = "price", target = "unit_price", type = "decimal" },
  { name = "time", target = "ordered_local", type = "timestamp", formats = ["%Y-%m-%d"] },
  { name = "customer", target = "customer_id", required = false },
  { name = "status", target = "status", required = false },
]
"""


def _text(lines: list[str], head: str = HEAD) -> str:
    return "\n".join([head, *lines]) + "\n"


def returned() -> str:
    """Ten orders of 10.00: the first six wholly returned in the order itself, four kept."""
    lines = []
    for n in range(10):
        at = f"2024-02-{n + 1:02} {9 + n}:00"
        lines.append(f"R{n},mug,Mug,Kitchen,1,10.00,{at},c{n},sold")
        lines.append(f"R{n},cup,Cup,Kitchen,1,5.00,{at},c{n},sold")
        if n < 6:
            lines.append(f"R{n},mug,Mug,Kitchen,-1,10.00,{at},c{n},returned")
            lines.append(f"R{n},cup,Cup,Kitchen,-1,5.00,{at},c{n},returned")
    return _text(lines)


def samples() -> str:
    """Eight orders of free samples."""
    return _text(
        [f"S{n},mini,Mini,Gifts,1,0.00,2024-02-{n + 1:02} 10:00,c{n},sold" for n in range(8)]
    )


def corrections() -> str:
    """Eight orders of nothing but a cancelled line: a shop of corrections."""
    return _text(
        [f"K{n},mug,Mug,Kitchen,-3,10.00,2024-02-{n + 1:02} 10:00,c{n},cancelled" for n in range(8)]
    )


def one_product() -> str:
    """Twelve orders of one product, all alike: one price, one piece, Sundays at 15:00."""
    return _text(
        [
            f"O{n},mug,Mug,Kitchen,1,10.00,2024-03-{3 + 7 * (n % 4):02} 15:00,c{n},sold"
            for n in range(12)
        ]
    )


def dates_alone() -> str:
    """Twenty dear orders of category 1573, twenty cheap ones of 1490; no time of day."""
    lines = []
    for n in range(40):
        sku, category, price = ("tv", 1573, 800 + n) if n % 2 else ("pen", 1490, 2)
        lines.append(
            f"D{n},{sku},{sku.title()},{category},1,{price},2024-04-{1 + n % 28:02},c{n},sold"
        )
    return _text(lines)


def views() -> str:
    """Events alone: lamp and bulb are seen in four of eight visits together, a vase in two."""
    lines = []
    for n in range(4):
        lines += [f"2024-05-01 1{n}:00:00,view,{p},u{n},v{n}" for p in ("lamp", "bulb")]
    lines += [f"2024-05-02 1{n}:00:00,view,rug,u{n},w{n}" for n in range(2)]
    lines += [f"2024-05-03 1{n}:00:00,view,vase,u{n},x{n}" for n in range(2)]
    return _text(lines, "event_at,event_type,product_id,customer_id,session_id")


FILES = {
    "returned": (returned, "lines"),
    "samples": (samples, "lines"),
    "corrections": (corrections, "lines"),
    "one-product": (one_product, "lines"),
    "dates-alone": (dates_alone, "dates_alone"),
    "views": (views, "behaviour_events"),
}
"""Shop → what its file holds, and the source that reads it."""
