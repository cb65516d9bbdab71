"""Small shops, staged directly: what happens after ingest is tested apart from reading files."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from ecorse import flow
from ecorse.warehouse.connect import connect

# product, category, price, hour around which it is bought
CATALOGUE = [
    ("phone", "Phones", Decimal("600"), 12),
    ("cable", "Accessories", Decimal("11.95"), 20),
    ("headphones", "Accessories", Decimal("99.99"), 20),
    ("monitor", "Monitors", Decimal("149.99"), 12),
    ("batteries", "Batteries", Decimal("2.99"), 20),
    ("laptop", "Computers", Decimal("999.99"), 12),
]
CITIES = ["Boston", "Dallas", "Seattle"]


@pytest.fixture
def stage_shop(warehouse: str) -> Callable[..., int]:
    """Give a function that stages a seeded shop as one load; it gives the load's id.

    Every phone comes with a cable, so those two are each other's first co-purchase neighbours.
    """

    def stage(
        *, orders: int = 300, seed: int = 1, shop_id: str = "main", file_name: str = "sales.csv"
    ) -> int:
        rng = random.Random(seed)
        lines = []
        for number in range(orders):
            product = CATALOGUE[number % len(CATALOGUE)]
            at = datetime(2019, 1, 1) + timedelta(days=rng.randrange(120))
            at += timedelta(hours=product[3] + rng.choice([-1, 0, 0, 1]), minutes=rng.randrange(60))
            basket = [product] + ([CATALOGUE[1]] if product[0] == "phone" else [])
            city = rng.choice(CITIES)
            lines += [
                (
                    shop_id, f"{seed}-{number}", name, name.title(), category,
                    rng.choice([1, 1, 1, 2]), price, "USD", at, at, f"1 Main St, {city}", city,
                )
                for name, category, price, _ in basket
            ]  # fmt: skip
        money = sum(line[5] * line[6] for line in lines)
        with connect() as conn:
            conn.execute(
                "insert into ops.shop values (%s, %s, 'America/New_York', 'USD') "
                "on conflict do nothing",
                (shop_id, shop_id.title()),
            )
            row = conn.execute(
                """
                insert into ops.load (shop_id, source, file_name, sha256, size_bytes, rows_read,
                    rows_staged, rows_duplicate, rows_ignored, rows_rejected, money_staged,
                    contract_sha256, time_zone, currency, first_row_at, last_row_at, started_at,
                    ecorse_version, rows_by_table)
                values (%s, 'sales_csv', %s, encode(sha256(%s::bytea), 'hex'), 1, %s, %s, 0, 0, 0,
                    %s, '', 'America/New_York', 'USD', '2019-01-01', '2019-06-01', now(), '0',
                    jsonb_build_object('order_lines', %s::bigint))
                returning load_id
                """,
                (shop_id, file_name, f"{file_name}{seed}{orders}".encode(), len(lines),
                 len(lines), money, len(lines)),
            ).fetchone()  # fmt: skip
            with conn.cursor() as cursor:
                cursor.executemany(
                    f"""
                    insert into staging.order_lines (shop_id, order_id, product_id, product_name,
                        category, quantity, unit_price, currency, ordered_at, ordered_local,
                        address, city, load_id, source_line)
                    values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, {row[0]}, 1)
                    """,
                    lines,
                )
        return row[0]

    return stage


@pytest.fixture
def copy_build(warehouse: str) -> Callable[[int], int]:
    """Give a function that opens a build with the same rows as another, without training anew."""

    def copy(source: int) -> int:
        target = flow.open_build(holder="copy")
        with connect() as conn:
            names = conn.execute(
                "select relname, relkind from pg_class where relnamespace = 'builds'::regnamespace "
                "and relname like %s and relkind in ('r', 'v') order by relkind",
                (f"%${source}",),
            ).fetchall()
            for name, kind in names:
                own, new = f'builds."{name}"', f'builds."{name.rsplit("$", 1)[0]}${target}"'
                if kind == "v":
                    conn.execute(f"create view {new} as select * from {own}")
                    continue
                conn.execute(f"create table {new} as select * from {own}")
                conn.execute(f"update {new} set build_id = {target}")
                conn.execute(f"alter table {new} alter column build_id set not null")
                conn.execute(f"alter table {new} add check (build_id = {target})")
        return target

    return copy
