"""Shops of a few products and orders, and what a recommender's result says of one product.

Tests of recommenders import it (``pythonpath`` in pyproject.toml).
"""

from __future__ import annotations

import json
from datetime import datetime

import polars as pl

from ecorse.clock import daypart

NOON = datetime(2019, 3, 1, 12)
METHODS = ("item_similarity", "co_purchase")
BY_ATTRIBUTES = {"blend": {"attributes": 1.0, "co_purchase": 0.0}}


def products(*rows: tuple[str, str | None, str | None]) -> pl.DataFrame:
    schema = dict.fromkeys(["product_id", "category", "price_band"], pl.String)
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    return frame.with_columns(shop_id=pl.lit("s"), product_name="Name of " + pl.col("product_id"))


def order_lines(*rows: tuple[str, str, str | None, datetime]) -> pl.DataFrame:
    schema = {
        "basket_id": pl.String,
        "product_id": pl.String,
        "city": pl.String,
        "at": pl.Datetime("us"),
    }
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    part = pl.col("at").dt.hour().map_elements(daypart, return_dtype=pl.String)
    return frame.with_columns(shop_id=pl.lit("s"), daypart=part)


def baskets(*orders: str) -> pl.DataFrame:
    """One line per letter; order ``n`` is bought in Boston at noon."""
    return order_lines(
        *((f"o{n}", item, "Boston", NOON) for n, order in enumerate(orders) for item in order)
    )


def listed(result, product_id):
    rows = result.frame("item_similarity").filter(pl.col("product_id") == product_id)
    return rows.sort("rank")


def neighbours(result, product_id):
    rows = listed(result, product_id).filter(pl.col("relation") != "popular")
    return list(zip(rows["similar_product_id"], rows["score"], strict=True))


def evidence(result, product_id, similar):
    row = listed(result, product_id).filter(pl.col("similar_product_id") == similar)
    return row["relation"].item(), json.loads(row["evidence"].item())
