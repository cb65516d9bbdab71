"""Features that are one number per entity: means, sums, how many different.

What belongs here: the number of each entity, and which entities have none. What does not: times and
values (``orders``); scaling.

A line without a number says nothing, and counts neither as 0 nor as a line. An entity whose lines
all say nothing has none: NaN.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from ecorse.features.blocks import Block, Floats
from ecorse.models.segmentation_file import Feature
from ecorse.models.space import Lines

SMALLEST_MEAN = 0.01
SMALLEST_SUM = 1.0


def sums_of(lines: Lines, values: Floats) -> Floats:
    """Sum of ``values`` per entity, added in row order (a parallel group-by is not repeatable)."""
    sums = np.bincount(lines.entity, weights=values, minlength=lines.n)
    return sums.astype(np.float64)  # without lines bincount gives integers


def line_weights(lines: Lines, column: str, counts: Floats | None = None) -> Floats:
    """Line weights: the size of ``column``, or 1 for each line.

    ``counts`` are 1 for lines that count, else 0. An entity of such a line never weighs nothing:
    where all its weights are 0 its lines weigh alike.
    """
    counts = np.ones(len(lines.entity)) if counts is None else counts
    if not column:
        return counts
    weights = np.abs(np.nan_to_num(_values(lines, column))) * counts
    return np.where(sums_of(lines, weights)[lines.entity] > 0, weights, counts)


def _values(lines: Lines, column: str) -> Floats:
    """A column as float64; what is missing or infinite is NaN."""
    values: Floats = lines.frame[column].cast(pl.Float64).fill_null(np.nan).to_numpy()
    return np.where(np.isfinite(values), values, np.nan)


def mean(lines: Lines, column: str, weigh_by: str = "") -> Floats:
    """Weighted mean of ``column`` over an entity's lines that have one: ``(n, 1)``."""
    values = _values(lines, column)
    weights = line_weights(lines, weigh_by, np.isfinite(values).astype(np.float64))
    totals = sums_of(lines, weights)
    found = np.full(lines.n, np.nan)
    np.divide(sums_of(lines, weights * np.nan_to_num(values)), totals, found, where=totals > 0)
    return found[:, None]


def log_mean(lines: Lines, column: str, weigh_by: str = "", plus: float = 0.0) -> Floats:
    """Natural log of the weighted mean of ``column`` plus ``plus``, at least 0.01: ``(n, 1)``."""
    logs: Floats = np.log(np.maximum(mean(lines, column, weigh_by) + plus, SMALLEST_MEAN))
    return logs


def log_sum(lines: Lines, column: str, plus: float = 0.0) -> Floats:
    """Natural log of the summed size of ``column`` plus ``plus``, at least 1: ``(n, 1)``."""
    values = np.abs(_values(lines, column))
    known = sums_of(lines, np.isfinite(values).astype(np.float64)) > 0
    totals = np.where(known, sums_of(lines, np.nan_to_num(values)), np.nan)
    logs: Floats = np.log(np.maximum(totals + plus, SMALLEST_SUM))[:, None]
    return logs


def log_distinct(lines: Lines, column: str) -> Floats:
    """Natural log of how many different values of ``column`` an entity has: ``(n, 1)``."""
    frame = pl.DataFrame({"entity": lines.entity, "value": lines.frame[column]})
    different = frame.drop_nulls().unique()["entity"].to_numpy()
    counts = np.bincount(different, minlength=lines.n).astype(np.float64)
    counts[counts == 0] = np.nan
    logs: Floats = np.log(counts)[:, None]
    return logs


def number_block(lines: Lines, feature: Feature) -> Block:
    """The block of a number; who has none stands at the mean of those who have one.

    There it is as near to every segment as can be: not at 0, which would be a number of its own.
    """
    if feature.kind == "log_mean":
        values = log_mean(lines, feature.column, feature.weigh_by, feature.plus)
    elif feature.kind == "log_sum":
        values = log_sum(lines, feature.column, feature.plus)
    elif feature.kind == "log_distinct":
        values = log_distinct(lines, feature.column)
    else:
        values = mean(lines, feature.column, feature.weigh_by)
    ending = "mean" if feature.kind == "mean" else "log"
    known = np.isfinite(values[:, 0])
    if not known.all():
        values[~known] = values[known].mean() if known.any() else 0.0
    return Block(feature, (f"{feature.name}_{ending}",), values, None if known.all() else known)
