"""Small shops for the judge's tests: lines of (customer, basket, product, instant)."""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl

from ecorse.models.interactions import Interactions

START = datetime(2024, 1, 1)


def day(number: float) -> datetime:
    return START + timedelta(days=number)


def shop(*lines: tuple, products: str = "abcdef", weights=None, **items) -> Interactions:
    """``lines`` are ``(customer, basket, product, day)``; products are one letter each."""
    frame = pl.DataFrame(
        [(*line[:3], day(line[3])) for line in lines],
        schema={
            "customer_id": pl.String,
            "basket_id": pl.String,
            "product_id": pl.String,
            "at": pl.Datetime("us"),
        },
        orient="row",
    )
    if weights is not None:
        frame = frame.with_columns(weight=pl.Series(weights))
    return Interactions.from_frames(pl.DataFrame({"product_id": list(products), **items}), frame)
