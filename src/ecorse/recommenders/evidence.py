"""What is told about a pair of products: relation, figures, and a sentence.

What belongs here: counts and cosines turned into support, lift and words. What does not: choosing
the pairs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from ecorse.models.interactions import Nature
from ecorse.recommenders.counting import IntArray

KIND_OF = "category"
ORDERS = Nature()


@dataclass(frozen=True)
class Counts:
    """What evidence is computed from.

    Attributes
    ----------
    item_baskets
        ``(n_items,)`` how many of the ``n_baskets`` hold each item.
    labels
        Words that two products may share, by kind: ``(n_items,)`` each, null where unknown.
    large
        Baskets of so many products that they play no part in scores; they are in every count.
    least, min_lift
        What a pair needs to be called a complement: so many baskets with both, and a lift above.
    nature
        Whether baskets are orders or visits, and whether everything in them was bought.
    """

    item_baskets: IntArray
    n_baskets: int
    labels: Mapping[str, pl.Series]
    large: int = 0
    least: int = 1
    min_lift: float = 1.0
    nature: Nature = ORDERS


def explain_pairs(pairs: pl.DataFrame, counts: Counts) -> pl.DataFrame:
    """Relation and evidence of each pair, in the order of ``pairs``.

    ``support`` is the share of all baskets that hold both products; ``lift`` is how many times as
    often they meet as they would by chance, ``co * n / (n_i * n_j)``. The relation is
    ``complement`` where two products are bought together often enough and more often than chance
    explains, ``substitute`` for two of one category that are not, else ``similar``. What was only
    looked at together is no complement.

    Parameters
    ----------
    pairs
        ``item``, ``similar_item``, ``together``, ``attribute_cosine``.

    Returns
    -------
    pl.DataFrame
        ``relation, source, co_purchases, orders, similar_orders, support, lift,
        co_purchase_cosine, attribute_cosine, sentence``; of events ``co_visits, visits,
        similar_visits, co_visit_cosine`` in place of the four that name orders.

    Source: Brin, Motwani, Ullman, Tsur (1997), "Dynamic itemset counting and implication rules
    for market basket data", https://doi.org/10.1145/253260.253325 (lift there: interest).
    """
    baskets, nature = pl.Series(counts.item_baskets), counts.nature
    is_of_a_kind = (
        _is_shared(pairs, counts.labels[KIND_OF]) if KIND_OF in counts.labels else pl.lit(False)
    )
    co, mine, theirs = pl.col("together"), pl.col("mine"), pl.col("theirs")
    is_beyond_chance = (co >= counts.least) & (
        co.cast(pl.Int64) * counts.n_baskets > counts.min_lift * (mine * theirs)
    )
    noun = nature.baskets
    one = "purchase" if nature.source == "orders" else "visit"
    return (
        pairs.select(
            "together",
            "attribute_cosine",
            mine=baskets.gather(pairs["item"]).cast(pl.Int64),
            theirs=baskets.gather(pairs["similar_item"]).cast(pl.Int64),
            shared=_shared_words(pairs, counts),
            is_of_a_kind=is_of_a_kind,
        )
        .with_columns(
            is_beyond_chance=is_beyond_chance,
            support=(co / max(1, counts.n_baskets)).round(9),
            lift=pl.when(co > 0)
            .then(co.cast(pl.Float64) * counts.n_baskets / (mine.cast(pl.Float64) * theirs))
            .round(4),
            cosine=(co / (mine.cast(pl.Float64) * theirs).sqrt()).fill_nan(0.0).round(9),
        )
        .select(
            pl.when(pl.col("is_beyond_chance") & nature.is_bought)
            .then(pl.lit("complement"))
            .when("is_of_a_kind")
            .then(pl.lit("substitute"))
            .otherwise(pl.lit("similar"))
            .alias("relation"),
            pl.lit(nature.source).alias("source"),
            co.alias(f"co_{one}s"),
            mine.alias(noun),
            theirs.alias(f"similar_{noun}"),
            "support",
            "lift",
            pl.col("cosine").alias(f"co_{one}_cosine"),
            "attribute_cosine",
            _sentence(counts.least, nature).alias("sentence"),
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


def _sentence(least: int, nature: Nature) -> pl.Expr:
    """What is told of the counts, and what the two share."""
    co, shared = pl.col("together"), pl.col("shared")
    done, noun = ("Bought" if nature.is_bought else "Seen"), nature.baskets
    told = (
        pl.when("is_beyond_chance")
        .then(
            pl.format(
                f"{done} together in {{}} of {{}} {noun}, {{}} times as often as by chance",
                "together",
                "mine",
                pl.col("lift").round(2),
            )
        )
        .when(co == 0)
        .then(pl.lit(f"Never {done.lower()} together"))
        .when(co < least)
        .then(pl.format(f"{done} together in only {{}} of {{}} {noun}", "together", "mine"))
        .otherwise(pl.lit(f"{done} together no more often than by chance"))
    )
    alike = "Sells in the same cities, hours and months"
    if nature.source == "events":
        alike = f"{done} in the same hours and months"
    return (
        pl.when(shared.is_not_null())
        .then(pl.format("{}; {}", told, "shared"))
        .when((co == 0) & shared.is_null())
        .then(pl.lit(alike))
        .otherwise(told)
    )
