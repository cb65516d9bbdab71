"""Rows of a night's lists as an answer: filtered, weighed by the time, filled with best sellers.

What belongs here: arithmetic on rows that were read, as pure functions. What does not: reading
them (``answers``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from ecorse.answering.question import ANSWER

Names = Mapping[str, tuple[str, str | None]]  # name and category, by product id


def ranked(rows: pl.DataFrame, names: Names, n: int) -> pl.DataFrame:
    """The ``n`` first of ``product_id, score, source, reason`` and, if known, ``because`` (an id)
    that are in the catalogue, each once, as an answer."""
    found: dict[str, tuple[Any, ...]] = {}
    for row in rows.iter_rows(named=True):
        if len(found) == n:
            break
        product = row["product_id"]
        if product in names and product not in found:
            because, _ = names.get(row.get("because") or "", (None, None))
            found[product] = (
                len(found) + 1, product, *names[product],
                row["score"], row["source"], because, row["reason"],
            )  # fmt: skip
    return pl.DataFrame(list(found.values()), schema=ANSWER, orient="row")


RELATION_WORDS = {"complement": "Goes with"}  # what stands in another's place goes not with it


def reasoned(rows: pl.DataFrame, names: Names, otherwise: str) -> pl.DataFrame:
    """Rows with a reason: the model's own ``sentence``; else the product that each rests on
    (``because``), by how it is near to it (``relation``), as far as that is told; else this."""
    reasons = []
    for row in rows.iter_rows(named=True):
        own = row["because"]
        reason = row.get("sentence") or otherwise
        if not row.get("sentence") and own in names:
            words = "Because of"
            if row.get("relation"):
                words = RELATION_WORDS.get(row["relation"], "Similar to")
            reason = f"{words} {names[own][0]}"
        reasons.append(reason)
    told = rows.with_columns(pl.Series("reason", reasons, dtype=pl.String))
    return told.drop("sentence", "relation", strict=False)


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


def times(lift: pl.DataFrame | None, factors: pl.DataFrame) -> pl.DataFrame:
    """``product_id, lift``: the lift of each product times its ``factor``; 1 where either is not
    there."""
    if lift is None:
        return factors.select("product_id", lift="factor")
    both = lift.join(factors, on="product_id", how="full", coalesce=True)
    product = pl.col("lift").fill_null(1.0) * pl.col("factor").fill_null(1.0)
    return both.select("product_id", lift=product)


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
