"""A recommender's answers as rows of the result tables: ids and names for numbers, evidence.

What belongs here: lists for products and customers, best sellers where nothing is near, and the
rules every list keeps. What does not: scoring.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from scipy import sparse

from ecorse.models.base import Recommender
from ecorse.models.interactions import Interactions
from ecorse.models.ranked import NOTHING, Csr, Ids, Ranked
from ecorse.recommenders.results import ITEM_SIMILARITY, USER_RECOMMENDATIONS

BLOCK_USERS = 4096


def item_lists(
    model: Recommender,
    product_ids: pl.Series,
    data: Interactions,
    shop_id: str,
    method: str,
    top_n: int,
) -> pl.DataFrame:
    """Rows of ``item_similarity``: every product of the catalogue has some, if it has others.

    ``product_ids`` are those the model was fitted on: products that left the catalogue since are
    left out, ranks close up.
    """
    asked = np.arange(len(product_ids))
    ranked = model.similar(asked, top_n)
    there = ranked.is_there
    evidence = model.explain(asked, ranked)
    catalogue = data.items["product_id"]
    rows = pl.DataFrame(
        {
            "product_id": product_ids.gather(np.repeat(asked, there.sum(axis=1))),
            "similar_product_id": product_ids.gather(ranked.items[there]),
            "score": ranked.scores[there],
        }
    ).with_columns(**_relation_and_evidence(evidence, int(there.sum())))
    if not product_ids.equals(catalogue):
        known = catalogue.implode()
        rows = rows.filter(
            pl.col("product_id").is_in(known) & pl.col("similar_product_id").is_in(known)
        )
    rows = rows.with_columns(rank=pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over("product_id"))
    rows = pl.concat([rows, _best_sellers(rows, data, top_n)])
    return _finish(rows, data, shop_id, method)


def _relation_and_evidence(evidence: pl.DataFrame | None, height: int) -> dict[str, pl.Series]:
    if evidence is None:
        empty = pl.Series(["{}"], dtype=pl.String).new_from_index(0, height)
        similar = pl.Series(["similar"], dtype=pl.String).new_from_index(0, height)
        return {"relation": similar, "evidence": empty}
    packed = evidence.select(pl.struct(pl.exclude("relation")).struct.json_encode()).to_series()
    relation = (
        evidence["relation"]
        if "relation" in evidence.columns
        else pl.Series(["similar"], dtype=pl.String).new_from_index(0, height)
    )
    return {"relation": relation, "evidence": packed}


def _best_sellers(rows: pl.DataFrame, data: Interactions, top_n: int) -> pl.DataFrame:
    """Best sellers for products without a neighbour, flagged by ``relation`` popular.

    The score is the share of all orders that hold the best seller.
    """
    total = max(1, data.n_baskets or data.rows.height)
    popular = (
        pl.DataFrame(
            {
                "similar_product_id": data.items["product_id"],
                "orders": data.popularity.astype(np.int64),
            }
        )
        .sort(["orders", "similar_product_id"], descending=[True, False])
        .head(top_n + 1)
        .select(
            "similar_product_id",
            score=(pl.col("orders") / total).round(9),
            relation=pl.lit("popular"),
            evidence=pl.struct(
                "orders",
                sentence=pl.format(
                    "Nothing is similar yet; a best seller with {} orders", "orders"
                ),
            ).struct.json_encode(),
        )
    )
    return (
        data.items.select("product_id")
        .join(rows, on="product_id", how="anti")
        .join(popular, how="cross")
        .filter(pl.col("product_id") != pl.col("similar_product_id"))
        .sort(["product_id", "score", "similar_product_id"], descending=[False, True, False])
        .with_columns(rank=pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over("product_id"))
        .filter(pl.col("rank") <= top_n)
        .select(rows.columns)
    )


def _finish(rows: pl.DataFrame, data: Interactions, shop_id: str, method: str) -> pl.DataFrame:
    names = (
        data.items.select(similar_product_id="product_id", similar_product_name="product_name")
        if "product_name" in data.items.columns
        else data.items.select(similar_product_id="product_id", similar_product_name="product_id")
    )
    return (
        rows.join(names, on="similar_product_id", how="left")
        .with_columns(shop_id=pl.lit(shop_id), method=pl.lit(method))
        .sort("product_id", "rank")
        .select(list(ITEM_SIMILARITY.columns))
    )


def user_lists(
    model: Recommender,
    product_ids: pl.Series,
    customer_ids: pl.Series,
    data: Interactions,
    shop_id: str,
    method: str,
    top_n: int,
) -> pl.DataFrame:
    """Rows of ``user_recommendations`` for the customers that the model knows and the shop has.

    What a customer has bought is not recommended again.
    """
    catalogue, customers = data.items["product_id"], data.users["customer_id"]
    users = _places(customers, customer_ids)  # the model's number of each of tonight's customers
    items = _places(product_ids, catalogue)  # tonight's number of each of the model's products
    known = np.flatnonzero(users != NOTHING)
    seen = _in_numbers_of(items, data.matrix)
    parts = []
    for start in range(0, known.size, BLOCK_USERS):
        block = known[start : start + BLOCK_USERS]
        ranked = model.recommend(users[block], top_n, seen=seen[block])
        parts.append(_user_rows(model, users[block], block, ranked, items, method))
    rows = pl.concat(parts) if parts else _no_user_rows()
    return (
        rows.with_columns(
            shop_id=pl.lit(shop_id),
            method=pl.lit(method),
            customer_id=customers.gather(rows["user"]),
            product_id=catalogue.gather(rows["item"]),
            rank=pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over("user"),
        )
        .sort("customer_id", "rank")
        .select(list(USER_RECOMMENDATIONS.columns))
    )


def _in_numbers_of(items: Ids, matrix: Csr) -> Csr:
    """``(n_users, n_items)`` with the columns of tonight's catalogue where the model has them."""
    if np.array_equal(items, np.arange(matrix.shape[1])):
        return matrix
    is_there = items != NOTHING
    shape = (matrix.shape[1], len(items))
    move = sparse.csr_matrix(
        (np.ones(is_there.sum()), (items[is_there], np.flatnonzero(is_there))), shape=shape
    )
    return sparse.csr_matrix(matrix @ move)


def _user_rows(
    model: Recommender, asked: Ids, users: Ids, ranked: Ranked, items: Ids, method: str
) -> pl.DataFrame:
    there = ranked.is_there
    evidence = model.explain(asked, ranked)
    height = int(there.sum())

    def told(name: str, default: str) -> pl.Series:
        if evidence is not None and name in evidence.columns:
            return evidence[name]
        return pl.Series([default], dtype=pl.String).new_from_index(0, height)

    rows = pl.DataFrame(
        {
            "user": np.repeat(users, there.sum(axis=1)),
            "item": items[ranked.items[there]],
            "score": ranked.scores[there],
            "source": told("source", method),
            "reason": told("sentence", ""),
        }
    )
    return rows.filter(pl.col("item") != NOTHING)


def _no_user_rows() -> pl.DataFrame:
    return pl.DataFrame(
        schema={
            "user": pl.Int64, "item": pl.Int64, "score": pl.Float64, "source": pl.String,
            "reason": pl.String,
        }
    )  # fmt: skip


def _places(ids: pl.Series, among: pl.Series) -> Ids:
    """The place of each id among others; -1 where it is not there."""
    known = pl.DataFrame({"id": among}).with_row_index("place")
    found = ids.to_frame("id").join(known, on="id", how="left", maintain_order="left")["place"]
    return found.cast(pl.Int64).fill_null(NOTHING).to_numpy()


def broken_rules(rows: pl.DataFrame) -> list[str]:
    """The rules that a list's rows break, by name: the checks' twin before anything is written.

    Parameters
    ----------
    rows
        Rows of ``item_similarity`` or ``user_recommendations`` of one shop and method.
    """
    about, given = (
        ("product_id", "similar_product_id")
        if "similar_product_id" in rows.columns
        else ("customer_id", "product_id")
    )
    before = rows.select(
        pl.col("score", given).shift(1).over(about, order_by="rank").name.suffix("_before")
    )
    step = pl.concat([rows.select("score", given), before], how="horizontal").select(
        (pl.col("score") > pl.col("score_before"))
        | (
            (pl.col("score") == pl.col("score_before"))
            & (pl.col(given) < pl.col(f"{given}_before"))
        )
    )
    rules = {
        f"a {given} appears twice in a list": rows.select(about, given).is_duplicated().any(),
        "ranks have gaps": not rows.select(
            (pl.col("rank") == pl.int_range(1, pl.len() + 1).over(about, order_by="rank")).all()
        ).item(),
        "a score is missing or below 0": not (rows["score"] >= 0).fill_null(False).all(),
        "scores are out of order": bool(step.to_series().any()),
    }
    if about == "product_id":
        rules["a product is its own neighbour"] = bool((rows[about] == rows[given]).any())
        rules["a score is above 1"] = bool((rows["score"] > 1).any())
    return [rule for rule, is_broken in rules.items() if is_broken]
