"""What is told about a pair of products: the evidence column, as JSON.

What belongs here: counts and cosines turned into support, lift and a sentence. What does not:
choosing the pairs (``blend``).
"""

from __future__ import annotations

import polars as pl

from ecorse.recommenders.blend import Similarities

NAMES = {"category": "category", "price_band": "price band"}


def explain_pairs(
    figures: pl.DataFrame, catalogue: pl.DataFrame, similarities: Similarities
) -> pl.Series:
    """Tell for each pair why it is there, as a JSON object per row.

    ``support`` is the share of all baskets that hold both products; ``lift`` is how many times as
    often they meet as they would by chance, ``co * n / (n_i * n_j)``.

    Parameters
    ----------
    figures
        Pairs with ``blend.FIGURES``.
    catalogue
        The sorted catalogue that the item numbers point into.

    Source: Brin, Motwani, Ullman, Tsur (1997), "Dynamic itemset counting and implication rules
    for market basket data", https://doi.org/10.1145/253260.253325 (lift there: interest).
    """
    told = figures.with_columns(
        orders=pl.Series(similarities.item_baskets[figures["item"].to_numpy()]),
        similar_orders=pl.Series(similarities.item_baskets[figures["similar_item"].to_numpy()]),
        shared=_shared_attributes(figures, catalogue),
    ).with_columns(
        support=(pl.col("co_purchases") / max(1, similarities.n_baskets)).round(9),
        lift=pl.when(pl.col("co_purchases") > 0)
        .then(
            pl.col("co_purchases")
            * similarities.n_baskets
            / (pl.col("orders") * pl.col("similar_orders"))
        )
        .round(4),
    )
    return told.select(
        pl.struct(
            "co_purchases",
            "orders",
            "similar_orders",
            "support",
            "lift",
            "co_purchase_cosine",
            "attribute_cosine",
            shared_attributes=pl.col("shared"),
            sentence=_sentence(),
        ).struct.json_encode()
    ).to_series()


def _shared_attributes(figures: pl.DataFrame, catalogue: pl.DataFrame) -> pl.Series:
    """``["category: Cables", ...]`` for what both products of each pair have."""
    columns = []
    for column, name in NAMES.items():
        values = catalogue[column].cast(pl.String)
        mine, theirs = values.gather(figures["item"]), values.gather(figures["similar_item"])
        shared = (mine == theirs) & (mine != "")
        columns.append((name + ": " + mine).zip_with(shared.fill_null(False), _nulls(mine)))
    frame = pl.DataFrame({str(number): column for number, column in enumerate(columns)})
    return frame.select(pl.concat_list(pl.all()).list.drop_nulls()).to_series()


def _nulls(like: pl.Series) -> pl.Series:
    return pl.Series([None], dtype=pl.String).new_from_index(0, like.len())


def _sentence() -> pl.Expr:
    together = pl.format(
        "Bought together in {} of {} orders, {} times as often as by chance",
        "co_purchases",
        "orders",
        pl.col("lift").round(2),
    )
    shared = pl.format("same {}", pl.col("shared").list.join(", same "))
    has_shared = pl.col("shared").list.len() > 0
    return (
        pl.when((pl.col("co_purchases") > 0) & has_shared)
        .then(together + "; " + shared)
        .when(pl.col("co_purchases") > 0)
        .then(together)
        .when(has_shared)
        .then(pl.format("Never bought together; {}", shared))
        .otherwise(pl.lit("Sells in the same cities, hours and months"))
    )
