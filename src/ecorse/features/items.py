"""Features of products: what they are, and when and where they sell.

What belongs here: pure functions from a catalogue and its order lines to arrays. What does not:
similarities (``ecorse.recommenders``), features of orders and customers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

PROFILES = ("city", "daypart", "month")
LABELS = ("category", "price_band")


@dataclass(frozen=True)
class ItemAttributes:
    """What the attribute cosine compares; arrays of ``n_items`` rows in the order of product id.

    ``labels`` ``(n_items, 2)`` int32 holds codes of category and price band, -1 where unknown.
    ``label_weights`` ``(2,)`` are their weights. ``profiles`` ``(n_items, d)`` float64 holds each
    purchase profile at length sqrt(weight), so that a dot product weighs the blocks.
    ``scale`` ``(n_items,)`` is 1 / the length of the whole weighted vector, 0 if it has none.
    """

    labels: NDArray[np.int32]
    label_weights: NDArray[np.float64]
    profiles: NDArray[np.float64]
    scale: NDArray[np.float64]


def describe_items(
    items: pl.DataFrame,
    lines: pl.DataFrame,
    weights: Mapping[str, float],
    max_cities: int,
) -> ItemAttributes:
    """Describe each product by category, price band and its purchase profiles.

    A profile is the product's order lines by city (the ``max_cities`` with most lines, the rest
    together), daypart and month, as shares; cosine only sees the direction, so each block is
    scaled to the square root of its weight. A product without sales has no profile, and one
    without category or price band none of that: what is unknown is never shared.

    Parameters
    ----------
    items
        ``category``, ``price_band``; an item's number is its row.
    lines
        ``item``, ``city``, ``daypart``, ``at`` (wall clock).
    weights
        One weight for each of category, price_band, city, daypart and month.
    """
    labels = np.column_stack([_codes(items[name]) for name in LABELS])
    label_weights = np.array([weights[name] for name in LABELS], dtype=np.float64)
    profiles = np.hstack(
        [
            _unit_profile(_profile_counts(lines, name, items.height, max_cities))
            * np.sqrt(weights[name])
            for name in PROFILES
        ]
    )
    squared = (labels >= 0) @ label_weights + (profiles * profiles).sum(axis=1)
    scale = np.divide(1, np.sqrt(squared), out=np.zeros_like(squared), where=squared > 0)
    return ItemAttributes(labels, label_weights, profiles, scale)


def _codes(values: pl.Series) -> NDArray[np.int32]:
    """Code text by its order; null and empty text are -1."""
    text = values.cast(pl.String)
    text = text.set(text == "", None)
    ranks = text.rank("dense").cast(pl.Int32) - 1
    return ranks.fill_null(-1).to_numpy()


def _profile_counts(
    lines: pl.DataFrame, name: str, n_items: int, max_cities: int
) -> NDArray[np.float64]:
    """Count order lines by item and the profile's value: ``(n_items, n_values)``."""
    values = {
        "city": pl.col("city"),
        "daypart": pl.col("daypart"),
        "month": pl.col("at").dt.month(),
    }
    counts = (
        lines.select("item", value=values[name].cast(pl.String))
        .drop_nulls()
        .group_by("item", "value")
        .len()
    )
    totals = counts.group_by("value").agg(pl.sum("len"))
    totals = totals.sort(["len", "value"], descending=[True, False])
    columns = {value: number for number, value in enumerate(totals["value"][:max_cities])}
    is_cut = totals.height > max_cities
    table = np.zeros((n_items, len(columns) + is_cut))
    places = counts["value"].replace_strict(columns, default=len(columns), return_dtype=pl.Int64)
    np.add.at(table, (counts["item"].to_numpy(), places.to_numpy()), counts["len"].to_numpy())
    return table


def _unit_profile(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scale rows to length 1; rows of zeros stay."""
    lengths = np.sqrt((counts * counts).sum(axis=1, keepdims=True))
    unit: NDArray[np.float64] = np.zeros_like(counts)
    np.divide(counts, lengths, out=unit, where=lengths > 0)
    return unit
