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
    codes, is_known = _profile_codes(lines, name)
    items = lines["item"].to_numpy()[is_known].astype(np.int64)
    codes = codes[is_known]
    totals = np.bincount(codes)
    # codes are in the order of the words, so that a tie goes to the earlier word
    order = sorted(np.flatnonzero(totals), key=lambda code: (-totals[code], code))
    columns = np.full(len(totals), len(order[:max_cities]), dtype=np.int64)
    columns[order[:max_cities]] = np.arange(len(order[:max_cities]))
    width = len(order[:max_cities]) + (len(order) > max_cities)
    flat = np.bincount(items * width + columns[codes], minlength=n_items * width)
    return flat.reshape(n_items, width).astype(np.float64) if width else np.zeros((n_items, 0))


def _profile_codes(lines: pl.DataFrame, name: str) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """A number for each line's value, in the order of the values; and which lines have one."""
    if name == "month":
        months = lines["at"].dt.month().cast(pl.Int64)
        return months.fill_null(0).to_numpy(), months.is_not_null().to_numpy()
    words = lines[name]
    if not isinstance(words.dtype, pl.Enum):
        words = words.cast(pl.String)
        words = words.cast(pl.Enum(words.drop_nulls().unique().sort()))
    codes = words.to_physical().cast(pl.Int64)
    return codes.fill_null(0).to_numpy(), words.is_not_null().to_numpy()


def _unit_profile(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scale rows to length 1; rows of zeros stay."""
    lengths = np.sqrt((counts * counts).sum(axis=1, keepdims=True))
    unit: NDArray[np.float64] = np.zeros_like(counts)
    np.divide(counts, lengths, out=unit, where=lengths > 0)
    return unit
