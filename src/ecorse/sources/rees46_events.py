"""The multi-category event log of REES46: views, carts, removals and purchases, one event a line.

What belongs here: this source's contract, and what a purchase event says as an order line. What
does not: reading, casting and loading, which all sources share; figures (``include/sql/marts``).

The form is that of the monthly files of 42 and 67 million events on Kaggle
(mkechinov/ecommerce-behavior-data-from-multi-category-store, by REES46). A third of the events has
no category and a seventh no brand: they stay empty and are counted, never dropped. The log has no
orders: the purchases of a session are one order, each purchase event one line of one piece.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import polars as pl

from ecorse.schema.contract import Column, Contract, Form, Header, Rule
from ecorse.schema.source import Canonical, Shop
from ecorse.sources.canonical import customer_key, extra_json, shop_of_row, to_wall_clock

EVENT_TYPES = "view|cart|remove_from_cart|purchase"
CONTRACT = Contract(
    name="rees46_events",
    table="events",
    purchases_are_orders=True,
    forms=(
        Form(
            "event log, 9 columns",
            (
                Column("event_time", "event_at", "timestamp", zone="UTC",
                       formats=("%Y-%m-%d %H:%M:%S UTC", "%Y-%m-%d %H:%M:%S")),
                Column("event_type", "event_type"),
                Column("product_id", "product_id"),
                Column("category_id", "category_id"),
                Column("category_code", "category_path"),
                Column("brand", "brand"),
                Column("price", "price", "decimal", decimal="."),
                Column("user_id", "customer_id"),
                Column("user_session", "session_id"),
            ),
        ),
    ),
    rules=(
        Rule("event_at_empty", "event_at", "not_empty", "every event needs a time"),
        Rule("event_type_empty", "event_type", "not_empty", "every event needs a type"),
        Rule("event_type_unknown", "event_type", "one_of",
             "expected view, cart, remove_from_cart or purchase", EVENT_TYPES),
        Rule("product_empty", "product_id", "not_empty", "every event of this log has a product"),
        Rule("price_empty", "price", "not_empty", "every event of this log has a price"),
        Rule("price_not_positive", "price", "greater", "expected a price above 0", "0", "flag"),
    ),
    dedup_key=("event_at", "event_type", "product_id", "customer_id", "session_id"),
)  # fmt: skip


@dataclass(frozen=True)
class Rees46Events:
    """The source ``rees46_events``."""

    name: str = "rees46_events"
    contract: Contract = CONTRACT
    warnings: dict[str, str] = field(
        default_factory=lambda: {
            "brand_unknown": "{rows} events name no brand; they were kept.",
            "category_unknown": "{rows} events name no category; they were kept.",
            "customer_unknown": "{rows} events name no customer; they were kept.",
            "session_unknown": "{rows} events belong to no session; they were kept.",
            "purchase_without_session": "{rows} purchases belong to no session and so to no order; "
            "they are events only.",
        }
    )

    def canonicalise(self, frame: pl.DataFrame, header: Header, shop: Shop) -> Canonical:
        """Give the events, and an order line for each purchase where they are the shop's orders.

        Parameters
        ----------
        frame
            Typed rows of ``clean.cast``, any number.

        Returns
        -------
        Canonical
            The same rows with the columns of ``staging.events``; ``companions`` those of
            ``staging.order_lines``.
        """
        extra = extra_json(header)
        events = frame.select(
            "_row",
            pl.col("event_at").dt.replace_time_zone("UTC"),
            "event_type",
            "product_id",
            "customer_id",
            "session_id",
            "price",
            "category_id",
            "category_path",
            "brand",
            *([extra] if extra is not None else []),
            *shop_of_row(shop, pl.coalesce("session_id", "customer_id")),
        )
        unknown = events.select(
            brand_unknown=pl.col("brand").null_count(),
            category_unknown=pl.col("category_path").null_count(),
            customer_unknown=pl.col("customer_id").null_count(),
            session_unknown=pl.col("session_id").null_count(),
        ).row(0, named=True)
        warnings = Counter({name: rows for name, rows in unknown.items() if rows})
        if not self.contract.purchases_are_orders:
            return Canonical(events, warnings)
        purchases = events.filter(pl.col("event_type") == "purchase")
        in_order = purchases.filter(pl.col("session_id").is_not_null())
        if lost := purchases.height - in_order.height:
            warnings["purchase_without_session"] = lost
        lines = order_lines(in_order, self.contract, shop)
        return Canonical(events, warnings, companions={"order_lines": lines})


def order_lines(purchases: pl.DataFrame, contract: Contract, shop: Shop) -> pl.DataFrame:
    """Order lines of purchase events: the session is the order, each event a line of one piece.

    The log names no products: a line's name is made of what it knows (brand, last level of the
    category, product id). ``category`` is the first level of the category.
    """
    last_level = pl.col("category_path").str.split(".").list.last().str.replace_all("_", " ")
    first_level = pl.col("category_path").str.split(".").list.first()
    named = purchases.with_columns(
        to_wall_clock(purchases["event_at"], shop).alias("ordered_local"),
        pl.concat_str(
            pl.col("brand"), last_level, "product_id", separator=" ", ignore_nulls=True
        ).alias("product_name"),
    )
    return named.select(
        "_row",
        pl.col("session_id").alias("order_id"),
        "product_id",
        "product_name",
        first_level.alias("category"),
        "category_path",
        "brand",
        pl.lit(1, pl.Int32).alias("quantity"),
        pl.col("price").alias("unit_price"),
        pl.lit(shop.currency).alias("currency"),
        pl.col("event_at").alias("ordered_at"),
        "ordered_local",
        *customer_key(contract, customer_id=pl.col("customer_id")),
        "shop_id",
        "is_simulated",
    )


SOURCE = Rees46Events()
