"""A small seeded shop with planted structure, as models get it.

What belongs here: its rows. What does not: any expectation of a model.

Forty products in four categories; 60 customers who each keep to two categories, spend little or
much, and buy by day or by night; products 0 and 1 are often in one basket. The last product is
never bought, the last customer never buys.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from ecorse.features.orders import feature_space
from ecorse.models.interactions import Interactions
from ecorse.models.segmentation_file import Feature
from ecorse.models.space import FeatureSpace

PRODUCTS, CUSTOMERS, ORDERS = 40, 60, 600
CATEGORIES = ("pens", "paper", "phones", "cables")
LINE_COLUMNS = (
    "order_id", "customer_id", "product_id", "product_name", "category", "city",
    "daypart", "quantity", "unit_price", "revenue", "ordered_local",
)  # fmt: skip


def tiny_lines(seed: int = 1) -> pl.DataFrame:
    """Order lines: order_id, customer_id, product_id, product_name, category, city, daypart,
    quantity, unit_price, revenue, ordered_local (wall clock)."""
    rng = random.Random(seed)
    rows: list[tuple[Any, ...]] = []
    for order in range(ORDERS):
        customer = order % (CUSTOMERS - 1)
        is_late, is_big = customer % 2 == 1, customer // 2 % 2 == 1
        at = datetime(2019, 1, 1) + timedelta(
            days=rng.randrange(365), minutes=(19 if is_late else 9) * 60 + rng.randrange(120)
        )
        kinds = (customer % 4, (customer + 1) % 4)
        items = {rng.choice(kinds) + 4 * rng.randrange(9) for _ in range(rng.choice((1, 2, 3)))}
        if rng.random() < 0.3:
            items |= {0, 1}
        for item in sorted(items):
            price, quantity = (200 if is_big else 3) + item, rng.choice((1, 1, 2))
            rows.append(
                (f"{order:05}", f"C{customer:02}", f"P{item:02}", f"Product {item}",
                 CATEGORIES[item % 4], rng.choice(("Austin", "Boston", None)),
                 "Evening" if is_late else "Morning", quantity, float(price),
                 float(price * quantity), at)
            )  # fmt: skip
    return pl.DataFrame(rows, schema=list(LINE_COLUMNS), orient="row")


def tiny_products() -> pl.DataFrame:
    """The catalogue: product_id, product_name, category, price_band."""
    return pl.DataFrame(
        {
            "product_id": [f"P{item:02}" for item in range(PRODUCTS)],
            "product_name": [f"Product {item}" for item in range(PRODUCTS)],
            "category": [CATEGORIES[item % 4] for item in range(PRODUCTS)],
            "price_band": [("under 10", "10 to 50")[item // 4 % 2] for item in range(PRODUCTS)],
        }
    )


def tiny_customers() -> pl.DataFrame:
    """The customers: customer_id, segment (by day or by night; null for some)."""
    return pl.DataFrame(
        {
            "customer_id": [f"C{customer:02}" for customer in range(CUSTOMERS)],
            "segment": [
                None if customer % 10 == 9 else ("day", "night")[customer % 2]
                for customer in range(CUSTOMERS)
            ],
        }
    )


def tiny_interactions(
    lines: pl.DataFrame | None = None,
    products: pl.DataFrame | None = None,
    customers: pl.DataFrame | None = None,
) -> Interactions:
    """The shop as a recommender gets it; with other lines, products or customers where given.

    Of lines go in: product, customer, basket, time, city, daypart, and columns that ``tiny_lines``
    has not (``weight``, or whatever else a recommender reads).
    """
    lines = tiny_lines() if lines is None else lines
    interactions = lines.select(
        "product_id",
        "customer_id",
        "city",
        "daypart",
        *(name for name in lines.columns if name not in LINE_COLUMNS),
        basket_id="order_id",
        at="ordered_local",
    )
    return Interactions.from_frames(
        tiny_products() if products is None else products,
        interactions,
        tiny_customers() if customers is None else customers,
    )


DEFAULT_FEATURES = (
    Feature(name="hour", kind="cycle", column="ordered_local", part="hour", weight=1.0),
    Feature(name="price", kind="log_mean", column="unit_price", weigh_by="quantity", weight=0.8),
    Feature(name="category", kind="share", column="category", weigh_by="quantity", weight=0.4),
)


def tiny_space(
    lines: pl.DataFrame | None = None,
    features: Sequence[Feature] = DEFAULT_FEATURES,
    entity_column: str = "order_id",
) -> FeatureSpace:
    """The shop as a segmentation gets it: orders by hour, price and category."""
    return feature_space(tiny_lines() if lines is None else lines, features, entity_column)
