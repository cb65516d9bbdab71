"""What is told about a pair of products: relation, figures, and a sentence.

What belongs here: counts and cosines turned into support, lift and words. What does not: choosing
the pairs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from ecorse.recommenders.counting import IntArray

KIND_OF = "category"


@dataclass(frozen=True)
class Counts:
    """What evidence is computed from.

    Attributes
    ----------
    item_baskets
        ``(n_items,)`` how many baskets hold each item, of ``n_baskets``.
    labels
        Words that two products may share, by kind: ``(n_items,)`` each, null where unknown.
    left_out
        Baskets of too many products, in no count.
    """

    item_baskets: IntArray
    n_baskets: int
    labels: Mapping[str, pl.Series]
    left_out: int = 0


def explain_pairs(pairs: pl.DataFrame, counts: Counts) -> pl.DataFrame:
    """Relation and evidence of each pair, in the order of ``pairs``.

    ``support`` is the share of all baskets that hold both products; ``lift`` is how many times as
    often they meet as they would by chance, ``co * n / (n_i * n_j)``. The relation is
    ``complement`` where two products are bought together more often than chance explains,
    ``substitute`` for two of one category that are not, else ``similar``.

    Parameters
    ----------
    pairs
        ``item``, ``similar_item``, ``co_purchases``, ``attribute_cosine``.

    Source: Brin, Motwani, Ullman, Tsur (1997), "Dynamic itemset counting and implication rules
    for market basket data", https://doi.org/10.1145/253260.253325 (lift there: interest).
    """
    baskets = pl.Series(counts.item_baskets)
    shared = _shared_words(pairs, counts)
    is_together = pl.col("co_purchases") > 0
    is_of_a_kind = (
        _is_shared(pairs, counts.labels[KIND_OF]) if KIND_OF in counts.labels else pl.lit(False)
    )
    return (
        pairs.select(
            "co_purchases",
            "attribute_cosine",
            orders=baskets.gather(pairs["item"]),
            similar_orders=baskets.gather(pairs["similar_item"]),
            shared=shared,
            is_of_a_kind=is_of_a_kind,
        )
        .with_columns(
            support=(pl.col("co_purchases") / max(1, counts.n_baskets)).round(9),
            lift=pl.when(is_together)
            .then(
                pl.col("co_purchases").cast(pl.Float64)
                * counts.n_baskets
                / (pl.col("orders").cast(pl.Float64) * pl.col("similar_orders"))
            )
            .round(4),
            co_purchase_cosine=(
                pl.col("co_purchases")
                / (pl.col("orders").cast(pl.Float64) * pl.col("similar_orders")).sqrt()
            )
            .fill_nan(0.0)
            .round(9),
        )
        .select(
            relation=pl.when(is_together)
            .then(pl.lit("complement"))
            .when("is_of_a_kind")
            .then(pl.lit("substitute"))
            .otherwise(pl.lit("similar")),
            co_purchases="co_purchases",
            orders="orders",
            similar_orders="similar_orders",
            support="support",
            lift="lift",
            co_purchase_cosine="co_purchase_cosine",
            attribute_cosine="attribute_cosine",
            sentence=_sentence(),
        )
    )


def _is_shared(pairs: pl.DataFrame, words: pl.Series) -> pl.Series:
    mine, theirs = words.gather(pairs["item"]), words.gather(pairs["similar_item"])
    return ((mine == theirs) & (mine != "")).fill_null(False)


def _shared_words(pairs: pl.DataFrame, counts: Counts) -> pl.Series:
    """``same category: Cables, same price band: under 10`` of what both products have, or null.

    Texts are made once per product and set of shared kinds, then looked up: pairs are many more.
    """
    told = [
        (f"same {kind.replace('_', ' ')}: " + words.cast(pl.String)).alias(kind)
        for kind, words in counts.labels.items()
    ]
    shared = [_is_shared(pairs, words) for words in counts.labels.values()]
    n_items = len(counts.item_baskets)
    texts = [pl.Series([None], dtype=pl.String).new_from_index(0, n_items)]
    place = pairs["item"].cast(pl.Int64)
    for number, is_shared in enumerate(shared):
        place = place + is_shared.cast(pl.Int64) * (n_items << number)
    for chosen in range(1, 1 << len(told)):
        kinds = [text for number, text in enumerate(told) if chosen >> number & 1]
        joined = pl.DataFrame(kinds).select(pl.concat_str(pl.all(), separator=", "))
        texts.append(joined.to_series())
    return pl.concat([text.alias("shared") for text in texts]).gather(place)


def _sentence() -> pl.Expr:
    together = pl.format(
        "Bought together in {} of {} orders, {} times as often as by chance",
        "co_purchases",
        "orders",
        pl.col("lift").round(2),
    )
    return (
        pl.when((pl.col("co_purchases") > 0) & pl.col("shared").is_not_null())
        .then(pl.format("{}; {}", together, "shared"))
        .when(pl.col("co_purchases") > 0)
        .then(together)
        .when(pl.col("shared").is_not_null())
        .then(pl.format("Not bought together more often than by chance; {}", "shared"))
        .otherwise(pl.lit("Sells in the same cities, hours and months"))
    )
