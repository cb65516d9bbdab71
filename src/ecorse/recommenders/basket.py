"""Recommendations for products at hand (a basket, a page) out of ``marts.item_similarity_served``.

What belongs here: reading the precomputed table for a basket, with filter, season and fallback.
What does not: making the table (``item_similarity``), the database, the CLI.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from ecorse.clock import DAYPARTS
from ecorse.errors import DataError

PRIOR_BASKETS = 10
"""A product's lift in a month or daypart is drawn to 1 as if by this many average baskets."""


def recommend_for_basket(
    similarity: pl.DataFrame,
    products: pl.DataFrame,
    product_ids: Sequence[str],
    n: int,
    *,
    category: str | None = None,
    context: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Recommend ``n`` products to someone who has chosen ``product_ids``.

    A product's score is the sum of its similarity to the chosen ones, times its lift in the
    context. Where fewer than ``n`` are similar, best sellers follow (source ``popular``).

    Parameters
    ----------
    similarity
        Rows of ``marts.item_similarity_served`` of one shop: product_id, similar_product_id, score,
        relation. Rows of other products do no harm.
    products
        The shop's rows of ``marts.recommendable_products``: product_id, category, baskets.
    category
        Recommend only this category.
    context
        product_id, lift: how much more a product sells at this time (``context_lift``).

    Returns
    -------
    Frame
        rank, product_id, score, source (``similar`` or ``popular``), because_of (the chosen
        product that it is most similar to). Fewer than ``n`` rows only where the catalogue,
        or the category, has no more.

    Raises
    ------
    DataError
        A chosen product or the category is not in the catalogue, or ``n`` is below 1.

    Source: Deshpande, Karypis (2004), "Item-based top-N recommendation algorithms",
    https://doi.org/10.1145/963770.963776, section 4 (sum of similarities to the basket).
    """
    _check(products, product_ids, n, category)
    chosen = list(dict.fromkeys(product_ids))
    near = (
        similarity.filter(pl.col("product_id").is_in(chosen), pl.col("relation") != "popular")
        .sort("score", "product_id", descending=[True, False])
        .group_by("similar_product_id", maintain_order=True)
        .agg(pl.sum("score"), because_of=pl.first("product_id"))
        .rename({"similar_product_id": "product_id"})
    )
    lift = context if context is not None else products.select("product_id", lift=pl.lit(1.0))
    wanted = pl.lit(True) if category is None else pl.col("category") == category
    scored = (
        products.filter(wanted, ~pl.col("product_id").is_in(chosen))
        .join(near, on="product_id", how="left")
        .join(lift.select("product_id", "lift"), on="product_id", how="left")
        .with_columns(
            lift=pl.col("lift").fill_null(1.0),
            source=pl.when(pl.col("score") > 0)
            .then(pl.lit("similar"))
            .otherwise(pl.lit("popular")),
        )
        .with_columns(
            score=pl.col("score").fill_null(0.0) * pl.col("lift"),
            sales=pl.col("baskets") * pl.col("lift"),
        )
    )
    return (
        scored.sort(
            [pl.col("source") == "similar", "score", "sales", "product_id"],
            descending=[True, True, True, False],
        )
        .head(n)
        .select(
            pl.int_range(1, pl.len() + 1, dtype=pl.Int32).alias("rank"),
            "product_id",
            "score",
            "source",
            "because_of",
        )
    )


def context_lift(
    times: pl.DataFrame, *, month: int | None = None, daypart: str | None = None
) -> pl.DataFrame:
    """How many times its usual share each product has in a month, a daypart, or both.

    ``lift = (c + k s) / ((m + k) s)`` with ``c`` of the product's ``m`` baskets in the context, the
    context's share ``s`` of all baskets and ``k`` prior baskets: few sales say little, and are
    drawn to 1.

    Parameters
    ----------
    times
        The shop's rows of ``marts.product_times``: product_id, calendar_month, daypart, baskets.
    month
        1 to 12.

    Returns
    -------
    Frame
        product_id, lift.

    Raises
    ------
    DataError
        There is no such month or daypart, or the shop has no basket then; the message has those
        that it has.

    Source: Gelman et al. (2013), Bayesian Data Analysis, 3rd ed., section 2.4 (a beta prior counts
    as earlier observations).
    """
    if month is not None and month not in range(1, 13):
        raise DataError(f"month = {month}: expected 1 to 12.")
    if daypart is not None and daypart not in DAYPARTS.names:
        raise DataError(f"daypart = {daypart!r}: expected {', '.join(DAYPARTS.names)}.")
    in_context = pl.lit(True)
    if month is not None:
        in_context &= pl.col("calendar_month") == month
    if daypart is not None:
        in_context &= pl.col("daypart") == daypart
    here = times.select("product_id", "baskets", here=pl.col("baskets") * in_context)
    total, found = int(here["baskets"].sum()), int(here["here"].sum())
    if not found:
        raise DataError(_never(times, month, daypart))
    share = found / total
    return (
        here.group_by("product_id")
        .agg(pl.sum("here"), pl.sum("baskets"))
        .select(
            "product_id",
            lift=(pl.col("here") + PRIOR_BASKETS * share)
            / ((pl.col("baskets") + PRIOR_BASKETS) * share),
        )
        .sort("product_id")
    )


def _never(times: pl.DataFrame, month: int | None, daypart: str | None) -> str:
    """What to say of a time without any basket: which times there are."""
    parts = [name for name in DAYPARTS.names if name in set(times["daypart"])]
    if daypart is not None and not parts:
        return f"daypart = {daypart!r}: the shop's data tells the date alone. Leave it out."
    asked, months = [], sorted(set(times["calendar_month"]))
    if month is not None:
        asked.append(f"month = {month}")
    if daypart is not None:
        asked.append(f"daypart = {daypart!r}")
    return (
        f"{', '.join(asked)}: the shop has nothing of that time. Its months are "
        f"{', '.join(map(str, months)) or 'none'}, its dayparts {', '.join(parts) or 'unknown'}."
    )


def _check(
    products: pl.DataFrame, product_ids: Sequence[str], n: int, category: str | None
) -> None:
    if n < 1:
        raise DataError(f"n = {n}: ask for at least 1 recommendation.")
    known = set(products["product_id"])
    unknown = [name for name in product_ids if name not in known]
    if unknown:
        raise DataError(
            f"Not in the catalogue: {', '.join(map(repr, unknown))}. Product ids are in "
            "marts.recommendable_products; they are compared letter by letter."
        )
    categories = set(products["category"].drop_nulls())
    if category is not None and category not in categories:
        raise DataError(
            f"No product has the category {category!r}; there are: "
            f"{', '.join(sorted(categories)) or 'none'}."
        )
