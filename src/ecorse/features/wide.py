"""A table of attributes as features: one per attribute, as its values are; what is none is said.

What belongs here: from rows of (entity, attribute, value) to columns, features and what was left
out. What does not: computing the features (``orders``, ``numbers``).

Each attribute becomes one feature of the declared weight: few different texts a ``share``, numbers
a ``mean``, and numbers that run over many sizes a ``log_mean``. Left out, with the reason: what is
the same for all, dates, and what hardly two entities share (ids, free text).
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from ecorse.models.declaration import Feature
from ecorse.models.space import Told

VALUE = "value_text"
DATE = r"^\d{4}-\d{2}-\d{2}"
WIDE_RANGE = 10.0  # the largest over the median: from there on a number is put on a logarithm
FEW_NUMBERS = 2  # a number of two values is a yes or no


def widen(
    frame: pl.DataFrame, features: Sequence[Feature], entity: str
) -> tuple[pl.DataFrame, tuple[Feature, ...], tuple[Told, ...]]:
    """Spread the attributes of a feature of kind ``attributes``; give rows, features, what is out.

    Without such a feature everything is as it was. The rows that come back are one per entity.
    """
    spread = next((feature for feature in features if feature.kind == "attributes"), None)
    if spread is None or spread.column not in frame.columns or VALUE not in frame.columns:
        return frame, tuple(features), ()
    keys = [name for name in ("shop_id", entity) if name in frame.columns]
    wide = frame.select(*keys, pl.col(spread.column).cast(pl.String), pl.col(VALUE)).pivot(
        on=spread.column, index=keys, values=VALUE, aggregate_function="first", sort_columns=True
    )
    found: list[Feature] = []
    out: list[Told] = []
    for name in [column for column in wide.columns if column not in keys]:
        feature, reason = _as_feature(name, wide[name], spread)
        if reason:
            out.append(Told(feature, 1.0 - wide[name].null_count() / max(wide.height, 1), reason))
            continue
        found.append(feature)
        if feature.is_number:
            wide = wide.with_columns(pl.col(name).cast(pl.Float64, strict=False))
    kept = [feature for feature in features if feature is not spread]
    return wide, (*kept, *found), tuple(out)


def _as_feature(name: str, texts: pl.Series, spread: Feature) -> tuple[Feature, str]:
    """The feature that an attribute is, or why it is none."""
    said = name.replace("_", " ")
    base = {
        "name": said, "column": name, "weight": spread.weight, "watch_drift": spread.watch_drift,
    }  # fmt: skip
    known = texts.drop_nulls()
    different, n = known.n_unique(), len(texts)
    share = Feature(**base, kind="share", top=spread.top, words=f"{said}: {{}}")
    if different <= 1 and len(known) == n:
        return share, f"it is the same everywhere ({name} = {known[0]})"
    if known.str.contains(DATE).all():
        return share, "it is a date, which is no habit"
    numbers = known.cast(pl.Float64, strict=False)
    if numbers.null_count() or different <= FEW_NUMBERS:
        if different > min(spread.top, n / 2):
            return (
                share,
                f"it has {different:,} different values for {n:,} rows: an id or free text",
            )
        return share, ""
    if different == n and _counts_on(numbers):
        return share, "every row has a number of its own, one after the other: an id"
    ordered = numbers.sort()
    least, middle, most = (float(ordered[at]) for at in (0, len(ordered) // 2, -1))
    if least >= 0 and most > WIDE_RANGE * max(middle, 1.0):
        return Feature(**base, kind="log_mean", plus=1.0), ""
    return Feature(**base, kind="mean"), ""


def _counts_on(numbers: pl.Series) -> bool:
    """Whether different whole numbers lie as close as a count of rows does."""
    low, high = float(numbers.min() or 0), float(numbers.max() or 0)  # type: ignore[arg-type]
    return bool((numbers == numbers.round()).all()) and high - low < 2 * len(numbers)
