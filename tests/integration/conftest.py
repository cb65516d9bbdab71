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


def stage(
    *, orders: int = 300, seed: int = 1, shop_id: str = "main", file_name: str = "sales.csv"
) -> int:
    """Stage a seeded shop as one load; gives the load's id.

    Every phone comes with a cable, so those two are each other's first co-purchase neighbours.
    """
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


@pytest.fixture
def stage_shop(warehouse: str) -> Callable[..., int]:
    """An empty warehouse; gives a function that stages a seeded shop in it (``stage``)."""
    return stage


@pytest.fixture
def stage_more() -> Callable[..., int]:
    """The same function, for a warehouse that holds something already."""
    return stage


@pytest.fixture(scope="session")
def small_night(snapshot):
    """The shop of ``stage`` with its 300 orders and its first published night, kept."""

    def fill() -> int:
        stage()
        return flow.refresh(holder="test").build_id

    return snapshot(fill)


@pytest.fixture
def night(small_night, restore) -> int:
    """A warehouse with 300 staged orders and their published night; gives the build's id."""
    return restore(small_night)


@pytest.fixture
def copy_build() -> Callable[[int], int]:
    """Give a function that opens a build with the same rows as another, without training anew."""

    def copy(source: int) -> int:
        target = flow.open_build(holder="copy")
        with connect() as conn:
            relations = conn.execute(
                """
                select c.relname, c.relkind, array_agg(quote_ident(a.attname) order by a.attnum),
                    max(format_type(a.atttypid, a.atttypmod)) filter (where attname = 'build_id')
                from pg_class as c join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0
                where c.relnamespace = 'builds'::regnamespace and c.relname like %s
                    and c.relkind in ('r', 'v') and not a.attisdropped
                group by c.oid order by c.relkind
                """,
                (f"%${source}",),
            ).fetchall()
            statements = []
            for name, kind, columns, key_type in relations:
                own, new = f'builds."{name}"', f'builds."{name.rsplit("$", 1)[0]}${target}"'
                if kind == "v":
                    statements.append(f"create view {new} as select * from {own}")
                    continue
                key = f"cast({target} as {key_type}) as build_id"
                rows = ", ".join(key if c == "build_id" else c for c in columns)
                statements += [
                    f"create table {new} as select {rows} from {own}",
                    f"alter table {new} alter column build_id set not null, "
                    f"add check (build_id = {target})",
                ]
            conn.execute("; ".join(statements))
        return target

    return copy
