"""Generated shops of any size and shape, put straight into staging: what plans and nights are
tried on.

What belongs here: seeded rows and a load ledger that balances. What does not: files and their dirt
(``ecorse.simulate``), what is measured or expected.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np
import polars as pl
import psycopg

from ecorse.warehouse.copy import copy_frame

FIRST_DAY = datetime(2023, 1, 1)
BLOCK = 250_000
CURRENCY = "GBP"


@dataclass(frozen=True)
class Shape:
    """How much of what each shop has.

    Parameters
    ----------
    orders, lines_per_order
        Orders of a shop, and product lines that an order has in the mean; their number varies up
        to three times as many. Some lines are of shipping, some are cancelled later.
    products, sold_once
        Products that are bought again and again, a few of them most often (Zipf); products beside
        them with exactly one line each.
    customers
        Known customers; a quarter of the orders names none. 0: no order does.
    towns
        Different delivery towns; 0: no order names one.
    events
        Behaviour events, about six a session.
    """

    shops: int = 1
    orders: int = 0
    lines_per_order: float = 1.0
    products: int = 1_000
    sold_once: int = 0
    customers: int = 0
    towns: int = 0
    events: int = 0
    days: int = 700

    def scaled(self, factor: float) -> Shape:
        """The same shape with so many times the orders, customers and events."""
        return replace(
            self,
            orders=round(self.orders * factor),
            customers=round(self.customers * factor),
            events=round(self.events * factor),
        )


SHAPES = {
    # the size of Online Retail II: one wholesaler of gifts, two years
    "retail": Shape(orders=54_000, lines_per_order=24, products=4_500, customers=5_900, towns=40),
    "small_orders": Shape(
        orders=1_200_000, lines_per_order=1.2, products=2_000, customers=400_000, towns=10
    ),
    "ten_shops": Shape(
        shops=10, orders=10_000, lines_per_order=10, products=2_000, customers=2_000, towns=40,
        events=100_000,
    ),
    "towns": Shape(
        orders=60_000, lines_per_order=2, products=500, sold_once=20_000, customers=20_000,
        towns=1_500,
    ),
    "events": Shape(events=5_000_000, products=50_000, customers=150_000, days=30),
    "whole": Shape(
        orders=100_000, lines_per_order=24, products=5_000, customers=20_000, towns=40,
        events=5_000_000,
    ),
}  # fmt: skip


def stage_shape(
    conn: psycopg.Connection, shape: Shape, *, name: str = "shop", seed: int = 1
) -> dict[str, int]:
    """Put the shops of a shape into staging, each as one load of lines and one of events.

    Parameters
    ----------
    name
        What the shops' ids begin with.

    Returns
    -------
    dict
        Rows by staging table. The connection's transaction is left open.
    """
    rows = {"order_lines": 0, "events": 0}
    for number in range(shape.shops):
        shop_id = f"{name}{number:02}"
        conn.execute(
            "insert into ops.shop values (%s, %s, 'Europe/London', %s)",
            (shop_id, f"Shop {number}", CURRENCY),
        )
        for table, frames in (
            ("order_lines", order_lines(shape, shop_id, seed + number)),
            ("events", events(shape, shop_id, seed + number)),
        ):
            rows[table] += _stage(conn, shop_id, table, frames)
    return rows


def _stage(
    conn: psycopg.Connection, shop_id: str, table: str, frames: Iterator[pl.DataFrame]
) -> int:
    """One load: its rows, then its account."""
    name, rows, money = f"{shop_id}-{table}.csv", 0, Decimal(0)
    (load_id,) = conn.execute(
        """
        insert into ops.load (shop_id, source, file_name, sha256, size_bytes, rows_read,
            rows_staged, rows_duplicate, rows_ignored, rows_rejected, contract_sha256, time_zone,
            currency, started_at, ecorse_version)
        values (%s, 'generated', %s, %s, 0, 0, 0, 0, 0, 0, '', 'Europe/London', %s, now(), '0')
        returning load_id
        """,
        (shop_id, name, hashlib.sha256(name.encode()).hexdigest(), CURRENCY),
    ).fetchone() or (0,)
    for frame in frames:
        lines = pl.int_range(rows + 1, rows + frame.height + 1, eager=True)
        placed = frame.with_columns(
            shop_id=pl.lit(shop_id), load_id=pl.lit(load_id), source_line=lines
        )
        with conn.cursor() as cursor:
            copy_frame(cursor, ("staging", table), placed)
        rows += placed.height
        if table == "order_lines":
            cents = frame["quantity"].cast(pl.Int64) * (frame["unit_price"] * 100).round()
            money += Decimal(int(cents.sum())) / 100
    conn.execute(
        """
        update ops.load set rows_read = %(rows)s, rows_staged = %(rows)s, money_staged = %(money)s,
            rows_by_table = jsonb_build_object(%(table)s::text, %(rows)s::bigint)
        where load_id = %(load)s
        """,
        {"rows": rows, "money": money, "table": table, "load": load_id},
    )
    return rows


def order_lines(shape: Shape, shop_id: str, seed: int) -> Iterator[pl.DataFrame]:
    """Order lines of one shop in blocks, without ``shop_id``, ``load_id`` and ``source_line``.

    Every row is another: an order's lines differ in product.
    """
    rng = np.random.default_rng(seed)
    at_once = max(1, round(BLOCK / shape.lines_per_order))
    sold_once = np.arange(shape.products, shape.products + shape.sold_once)
    for first in range(0, shape.orders, at_once):
        orders = np.arange(first, min(first + at_once, shape.orders))
        order, product = _baskets(rng, shape, orders)
        once = sold_once[(sold_once - shape.products) % shape.orders // at_once == first // at_once]
        order = np.concatenate([order, (once - shape.products) % shape.orders])
        product = np.concatenate([product, once])
        yield _with_takings_back(_lines(rng, shape, order, product), rng)


def _baskets(
    rng: np.random.Generator, shape: Shape, orders: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Order and product number of each line: no product twice in an order, half of an order's
    products from one neighbourhood, so that there are pairs to be found."""
    sizes = np.minimum(
        np.maximum(1, rng.gamma(1.5, shape.lines_per_order / 1.5, len(orders)).round()),
        max(2, 3 * shape.lines_per_order),
    ).astype(np.int64)
    order = np.repeat(orders, sizes)
    alone = _zipf(rng, shape.products, len(order))
    theme = np.repeat(_zipf(rng, shape.products, len(orders)), sizes)
    near = (theme + rng.integers(0, 30, len(order))) % shape.products
    product = np.where(rng.random(len(order)) < 0.5, alone, near)
    _, kept = np.unique(order * shape.products + product, return_index=True)
    return order[kept], product[kept]


def _zipf(rng: np.random.Generator, most: int, size: int) -> np.ndarray:
    """Numbers below ``most``, the small ones more often."""
    return (most ** rng.random(size) - 1).astype(np.int64) % most


def _lines(
    rng: np.random.Generator, shape: Shape, order: np.ndarray, product: np.ndarray
) -> pl.DataFrame:
    minute = (order * 2_654_435_761 + 7) % (shape.days * 840)
    buyer = order * 40_503 % max(1, round(shape.customers / 0.75))
    town = pl.Series(order * 7_919 % max(1, shape.towns))
    frame = pl.DataFrame({
        "order_id": order, "product": product, "buyer": buyer,
        "minute": minute // 840 * 1440 + minute % 840 + 480,
        "quantity": rng.geometric(0.4, len(order)),
        "cents": 95 + product * 37 % 4_000 - np.where(rng.random(len(order)) < 0.1, 20, 0),
        "kind": rng.random(len(order)), "spelling": rng.random(len(order)),
    })  # fmt: skip
    local = pl.lit(FIRST_DAY) + pl.duration(minutes="minute")
    is_product = pl.col("kind") > 0.01
    named = pl.format("Product {}", "product")
    return frame.select(
        (pl.col("order_id") + 1_000_000).cast(pl.String).alias("order_id"),
        pl.when(is_product).then(pl.format("P{}", "product")).otherwise(pl.lit("POST"))
        .alias("product_id"),
        pl.when(~is_product).then(pl.lit("Postage")).when(pl.col("spelling") < 0.02)
        .then(pl.format("{} (new)", named)).otherwise(named).alias("product_name"),
        pl.when(is_product).then(pl.format("Category {}", pl.col("product") % 40))
        .alias("category"),
        pl.format("Brand {}", pl.col("product") % 300).alias("brand"),
        "quantity",
        (pl.col("cents") / 100).alias("unit_price"),
        pl.lit(CURRENCY).alias("currency"),
        local.alias("ordered_at"),
        local.alias("ordered_local"),
        pl.when(pl.col("buyer") < shape.customers).then(pl.format("c{}", "buyer"))
        .alias("customer_id"),
        pl.when(pl.col("buyer") < shape.customers).then(pl.lit("id")).otherwise(pl.lit("none"))
        .alias("customer_key_kind"),
        (pl.format("Town {}", town) if shape.towns else pl.lit(None, pl.String)).alias("city"),
        (pl.format("Region {}", town % 50) if shape.towns else pl.lit(None, pl.String))
        .alias("region"),
        (pl.lit("United Kingdom") if shape.towns else pl.lit(None, pl.String)).alias("country"),
        pl.lit("sold").alias("status"),
        pl.when(is_product).then(pl.lit("product")).otherwise(pl.lit("shipping"))
        .alias("line_kind"),
    ).unique(["order_id", "product_id"], keep="first", maintain_order=True)  # fmt: skip


def _with_takings_back(lines: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """The lines, and for one in fifty a later one that cancels it, as an order of its own."""
    later = timedelta(days=3)
    back = lines.filter(pl.Series(rng.random(lines.height) < 0.02)).with_columns(
        pl.format("C{}", "order_id").alias("order_id"),
        pl.col("ordered_at") + later,
        pl.col("ordered_local") + later,
        -pl.col("quantity"),
        pl.lit("cancelled").alias("status"),
    )
    both = pl.concat([lines, back])
    return both.with_columns(pl.col("ordered_at").dt.replace_time_zone("UTC"))


def events(shape: Shape, shop_id: str, seed: int) -> Iterator[pl.DataFrame]:
    """Events of one shop in blocks, without ``shop_id``, ``load_id`` and ``source_line``."""
    rng = np.random.default_rng(seed + 1)
    for first in range(0, shape.events, BLOCK):
        number = np.arange(first, min(first + BLOCK, shape.events))
        session = number // 6
        product = _zipf(rng, shape.products, len(number))
        second = session * 104_729 % (shape.days * 86_400) + number % 6 * 40
        kind = rng.random(len(number))
        frame = pl.DataFrame({
            "at": second, "kind": kind, "product": product, "session": session,
            "buyer": session * 40_503 % max(1, shape.customers),
        })  # fmt: skip
        is_search = pl.col("kind") > 0.99
        named = pl.col("product") % 3 > 0
        yield frame.select(
            (pl.lit(FIRST_DAY) + pl.duration(seconds="at")).dt.replace_time_zone("UTC")
            .alias("event_at"),
            pl.when(is_search).then(pl.lit("search")).when(pl.col("kind") > 0.97)
            .then(pl.lit("purchase")).when(pl.col("kind") > 0.93).then(pl.lit("cart"))
            .otherwise(pl.lit("view")).alias("event_type"),
            pl.when(~is_search).then(pl.format("P{}", "product")).alias("product_id"),
            pl.format("c{}", "buyer").alias("customer_id"),
            pl.format("{}-4d1f-session-{}", pl.col("session") * 7919, "session")
            .alias("session_id"),
            pl.when(~is_search).then((95 + pl.col("product") * 37 % 4_000) / 100).alias("price"),
            pl.when(is_search).then(pl.format("words {}", pl.col("product") % 500))
            .alias("query"),
            pl.when(named).then(
                pl.format("main{}.sub{}", pl.col("product") % 12, pl.col("product") % 60)
            ).alias("category_path"),
            pl.when(named).then(pl.format("brand{}", pl.col("product") % 300)).alias("brand"),
        )  # fmt: skip
