"""A small shop whose customers are known, and what they like."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from decimal import Decimal

from ecorse.warehouse.connect import connect

# product: name, category, price
CATALOGUE = {
    "T1": ("Green Tea", "Tea", "4.50"),
    "T2": ("Black Tea", "Tea", "4.00"),
    "T3": ("Tea Pot", "Kitchen", "25.00"),
    "T4": ("Tea Strainer", "Kitchen", "6.00"),
    "T5": ("Honey", "Food", "7.00"),
    "C1": ("Claw Hammer", "Tools", "18.00"),
    "C2": ("Box of Nails", "Tools", "3.00"),
    "C3": ("Hand Saw", "Tools", "22.00"),
    "C4": ("Work Gloves", "Clothing", "9.00"),
    "C5": ("Wood Glue", "Tools", "5.00"),
    "N1": ("Night Lamp", "Lamps", "30.00"),
}
TEA, TOOLS = ("T1", "T2", "T3", "T4", "T5"), ("C1", "C2", "C3", "C4", "C5")
START = datetime(2019, 1, 1, 9)


def orders() -> list[tuple[str, str | None, datetime, list[str]]]:
    """Order, customer, time and products: forty customers of tea or of tools, and guests.

    Nobody but guests buys the lamp.
    """
    dice = random.Random(5)
    found: list[tuple[str, str | None, datetime, list[str]]] = []
    for customer in range(40):
        liked = TEA if customer % 2 else TOOLS
        for _ in range(dice.randint(2, 6)):
            at = START + timedelta(days=dice.randrange(200), minutes=dice.randrange(600))
            chosen = dice.sample(liked, dice.choice([1, 2, 2, 3]))
            found.append(("", f"c{customer:02}", at, chosen))
    found += [("", None, START + timedelta(days=day), ["N1", "T1"]) for day in range(0, 200, 20)]
    return [(f"o{n:04}", *rest) for n, (_, *rest) in enumerate(found)]  # type: ignore[misc]


def stage_known() -> None:
    """Stage those orders as one load of the shop ``main``."""
    lines = [
        (order, customer, item, *CATALOGUE[item], at)
        for order, customer, at, items in orders()
        for item in items
    ]
    with connect() as conn:
        conn.execute(
            "insert into ops.shop values ('main', 'Main', 'UTC', 'USD') on conflict do nothing"
        )
        row = conn.execute(
            """
            insert into ops.load (shop_id, source, file_name, sha256, size_bytes, rows_read,
                rows_staged, rows_duplicate, rows_ignored, rows_rejected, money_staged,
                contract_sha256, time_zone, currency, first_row_at, last_row_at, started_at,
                ecorse_version, rows_by_table)
            values ('main', 'sales_csv', 'known.csv', encode(sha256('known'::bytea), 'hex'), 1,
                %s, %s, 0, 0, 0, %s, '', 'UTC', 'USD', '2019-01-01', '2019-08-01', now(), '0',
                jsonb_build_object('order_lines', %s::bigint))
            returning load_id
            """,
            (len(lines), len(lines), sum(Decimal(line[5]) for line in lines), len(lines)),
        ).fetchone()
        assert row is not None
        with conn.cursor() as cursor:
            cursor.executemany(
                f"""
                insert into staging.order_lines (shop_id, order_id, customer_id, product_id,
                    product_name, category, quantity, unit_price, currency, ordered_at,
                    ordered_local, city, load_id, source_line)
                values ('main', %s, %s, %s, %s, %s, 1, %s, 'USD', %s, %s, 'Leeds', {row[0]}, 1)
                """,
                [(*line, line[-1]) for line in lines],
            )
