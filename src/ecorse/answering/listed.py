"""Rows of a night's lists as an answer: filtered, weighed by the time, filled with best sellers.

What belongs here: arithmetic on rows that were read, as pure functions. What does not: reading
them (``answers``).
"""

from __future__ import annotations

import polars as pl

from ecorse.answering.question import ANSWER


def ranked(rows: pl.DataFrame, catalogue: pl.DataFrame, n: int) -> pl.DataFrame:
    """The ``n`` best of ``product_id, score, source, reason`` and, if known, ``because`` (an id),
    in the order in which they come, as an answer."""
    names = catalogue.select("product_id", "product_name", "category")
    because = "because" if "because" in rows.columns else pl.lit(None, pl.String).alias("because")
    return (
        rows.with_columns(because)
        .unique("product_id", keep="first", maintain_order=True)
        .head(n)
        .join(names, on="product_id", how="inner", maintain_order="left")
        .join(
            names.select(because="product_id", because_of="product_name"),
            on="because",
            how="left",
            maintain_order="left",
        )
        .select(
            pl.int_range(1, pl.len() + 1, dtype=pl.Int32).alias("rank"),
            *(pl.col(name).cast(dtype) for name, dtype in list(ANSWER.items())[1:]),
        )
    )


def weighed(rows: pl.DataFrame, lift: pl.DataFrame | None) -> pl.DataFrame:
    """Rows by falling score times their lift at the asked time, ties by product id."""
    if lift is None:
        return rows
    return (
        rows.join(lift.select("product_id", "lift"), on="product_id", how="left")
        .with_columns(pl.col("score") * pl.col("lift").fill_null(1.0))
        .drop("lift")
        .sort(["score", "product_id"], descending=[True, False])
    )


def of_category(rows: pl.DataFrame, allowed: pl.DataFrame) -> pl.DataFrame:
    """The rows whose product is among those allowed."""
    ids = allowed.select("product_id")
    return rows.join(ids, on="product_id", how="semi", maintain_order="left")


def behind(first: pl.DataFrame, then: pl.DataFrame) -> pl.DataFrame:
    """One list, and behind it what another has besides, its scores below those of the first."""
    more = then.join(first, on="product_id", how="anti", maintain_order="left")
    least, best = first["score"].min(), more["score"].max()
    if least is not None and best:
        more = more.with_columns(pl.col("score") / best * least / 2)
    return pl.concat([first, more], how="diagonal")


def scaled(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows with scores from the best's 1 down, so that two lists can be added up."""
    best = rows["score"].max()
    return rows.with_columns(pl.col("score") / best) if best else rows


def both(one: pl.DataFrame, other: pl.DataFrame) -> pl.DataFrame:
    """Two lists as one: the sum of scores from 1 down; source and reason of the larger part."""
    parts = pl.concat([scaled(one), scaled(other)], how="diagonal")
    return (
        parts.sort(["score", "product_id"], descending=[True, False])
        .group_by("product_id", maintain_order=True)
        .agg(pl.col("score").sum(), pl.exclude("score").first())
        .sort(["score", "product_id"], descending=[True, False])
    )
