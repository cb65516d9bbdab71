"""The tables of item similarity: columns, and the rules every night is audited by.

What belongs here: ``TableSpec`` objects with their checks in SQL, and the same rules on a frame for
the gate. What does not: how the rows are made.
"""

from __future__ import annotations

from typing import Literal

import polars as pl

from ecorse.models.relation import TableSpec

Check = tuple[Literal["fail", "warn"], str]

_COLUMNS = {
    "shop_id": ("text", "The shop"),
    "product_id": ("text", "The product that neighbours are given for"),
    "rank": ("integer", "1 for the nearest neighbour, without gaps"),
    "similar_product_id": ("text", "The neighbour; never the product itself"),
    "score": ("double precision", "0 to 1, falling with rank; ties in the order of product id"),
}


def _common_checks(table: str) -> dict[str, Check]:
    """Rules that hold for every table of ranked neighbours."""
    return {
        "no_self_pairs": (
            "fail",
            f"select * from marts.{table} where product_id = similar_product_id",
        ),
        "no_duplicates": (
            "fail",
            f"select shop_id, product_id, similar_product_id, count(*) as n from marts.{table} "
            "group by shop_id, product_id, similar_product_id having count(*) > 1",
        ),
        "no_rank_gaps": (
            "fail",
            f"select shop_id, product_id, min(rank) as first, max(rank) as last, count(*) as n "
            f"from marts.{table} group by shop_id, product_id "
            "having min(rank) <> 1 or max(rank) <> count(*) or count(distinct rank) <> count(*)",
        ),
        "score_in_range": (
            "fail",
            f"select * from marts.{table} where score is null or not score between 0 and 1",
        ),
        "score_falls_with_rank": (
            "fail",
            "select * from (select shop_id, product_id, rank, similar_product_id, score, "
            "lag(score) over nearer as nearer_score, "
            "lag(similar_product_id) over nearer as nearer_product_id "
            f"from marts.{table} "
            "window nearer as (partition by shop_id, product_id order by rank)) as ranked "
            "where score > nearer_score or (score = nearer_score "
            'and similar_product_id collate "C" < nearer_product_id collate "C")',
        ),
        "symmetric": (
            "fail",
            "select one.shop_id, one.product_id, one.similar_product_id, one.score, "
            f"other.score as score_back from marts.{table} as one "
            f"join marts.{table} as other on one.shop_id = other.shop_id "
            "and one.product_id = other.similar_product_id "
            "and one.similar_product_id = other.product_id and one.method = other.method "
            "where one.method <> 'fallback' and abs(one.score - other.score) > 1e-9",
        ),
        "only_products_of_the_catalogue": (
            "fail",
            f"select pair.shop_id, pair.product_id, pair.similar_product_id from marts.{table} "
            "as pair left join marts.products as product on pair.shop_id = product.shop_id "
            "and pair.product_id = product.product_id "
            "left join marts.products as neighbour on pair.shop_id = neighbour.shop_id "
            "and pair.similar_product_id = neighbour.product_id "
            "where product.product_id is null or neighbour.product_id is null",
        ),
    }


ITEM_SIMILARITY = TableSpec(
    name="item_similarity",
    about=(
        "The most similar products of each product: cosine over attributes and over shared "
        "baskets, blended. What applications read."
    ),
    grain=("shop_id", "product_id", "similar_product_id"),
    columns={
        **_COLUMNS,
        "method": ("text", "blend, or fallback: best sellers, where nothing is similar"),
        "evidence": (
            "jsonb",
            "co_purchases (orders with both), orders and similar_orders (with either), support, "
            "lift, both cosines, shared_attributes, and a sentence; fallback: orders, sentence",
        ),
    },
    checks={
        **_common_checks("item_similarity"),
        "every_product_has_neighbours": (
            "fail",
            "select product.shop_id, product.product_id from marts.products as product "
            "where not exists (select 1 from marts.item_similarity as pair "
            "where pair.shop_id = product.shop_id and pair.product_id = product.product_id) "
            "and exists (select 1 from marts.products as another "
            "where another.shop_id = product.shop_id "
            "and another.product_id <> product.product_id)",
        ),
    },
)

ITEM_CO_PURCHASES = TableSpec(
    name="item_co_purchases",
    about=(
        "The products most often in the same orders as each product, by cosine over orders. "
        "A product that shares no order with another has no row."
    ),
    grain=("shop_id", "product_id", "similar_product_id"),
    columns={
        **_COLUMNS,
        "method": ("text", "co_purchase"),
        "evidence": ("jsonb", "As in item_similarity"),
    },
    checks={
        **_common_checks("item_co_purchases"),
        "counts_match_frequently_bought_together": (
            "warn",
            "select pair.shop_id, pair.product_id, pair.similar_product_id, "
            "pair.evidence ->> 'co_purchases' as co_purchases, mart.together_baskets "
            "from marts.item_co_purchases as pair "
            "inner join marts.frequently_bought_together as mart on pair.shop_id = mart.shop_id "
            "and pair.product_id = mart.product_id "
            "and pair.similar_product_id = mart.other_product_id "
            "where cast(pair.evidence ->> 'co_purchases' as bigint) <> mart.together_baskets",
        ),
    },
)


def broken_rules(frame: pl.DataFrame, product_ids: pl.Series) -> list[str]:
    """Name the rules that a shop's rows break; the checks' twin for before anything is written.

    Parameters
    ----------
    frame
        Rows of ``item_similarity`` or ``item_co_purchases`` of one shop.
    product_ids
        The catalogue.
    """
    pairs = frame.drop("evidence").sort("product_id", "rank")
    nearer = pl.all().shift(1).over("product_id")
    back = pairs.filter(pl.col("method") != "fallback").select(
        product_id="similar_product_id",
        similar_product_id="product_id",
        back="score",
        method="method",
    )
    both = pairs.join(back, on=["product_id", "similar_product_id", "method"])
    before = pairs.select(nearer)
    rules = {
        "a product is its own neighbour": (
            pairs["product_id"] == pairs["similar_product_id"]
        ).any(),
        "a neighbour appears twice": pairs.select("product_id", "similar_product_id")
        .is_duplicated()
        .any(),
        "ranks have gaps": not pairs.select(
            (pl.col("rank") == pl.int_range(1, pl.len() + 1).over("product_id")).all()
        ).item(),
        "a score is outside 0 to 1": not pairs["score"].is_between(0, 1).fill_null(False).all(),
        "scores are out of order": (
            (pairs["score"] > before["score"])
            | (
                (pairs["score"] == before["score"])
                & (pairs["similar_product_id"] < before["similar_product_id"])
            )
        ).any(),
        "scores differ by direction": ((both["score"] - both["back"]).abs() > 1e-9).any(),
        "a product is not in the catalogue": not (
            pairs["product_id"].is_in(product_ids.implode()).all()
            and pairs["similar_product_id"].is_in(product_ids.implode()).all()
        ),
    }
    return [rule for rule, is_broken in rules.items() if is_broken]
