"""Which declared features the shop's lines say anything about, and why others are left out.

What belongs here: the answer for one shop and night, one row per declared feature. What does not:
computing features (``orders``, ``numbers``).
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from ecorse.models.segmentation_file import Feature
from ecorse.models.space import Told


def told_features(lines: pl.DataFrame, features: Sequence[Feature]) -> list[Told]:
    """What the lines tell of each declared feature, in order.

    A column that the lines do not have is told as known: ``feature_space`` refuses it by name.
    """
    return [_told(lines, feature) for feature in features]


def _told(lines: pl.DataFrame, feature: Feature) -> Told:
    if feature.column not in lines.columns or not lines.height:
        return Told(feature, 1.0)
    values = lines[feature.column]
    if values.dtype.is_float():
        values = pl.select(pl.when(values.is_finite()).then(values)).to_series()
    known = 1.0 - values.null_count() / lines.height
    if not known:
        what = "time of day" if feature.part == "hour" else "value"
        return Told(feature, 0.0, f"no line has a {what} ({feature.column} is empty)")
    if feature.kind in ("cycle", "log_sum", "log_distinct"):
        return Told(feature, known)  # the same on every line does not make entities alike
    there = values.drop_nulls()
    # who has no number stands at the mean of the others; who has no value is unlike who has one
    if (known == 1.0 or feature.is_number) and there.n_unique() == 1:
        where = "everywhere" if known == 1.0 else "wherever it is known"
        return Told(feature, known, f"it is the same {where} ({feature.column} = {there[0]})")
    return Told(feature, known)


def usable(told: Sequence[Told]) -> tuple[Feature, ...]:
    """The features that have a place in the space: those with any value."""
    return tuple(one.feature for one in told if one.known_share > 0)
