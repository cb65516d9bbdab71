"""Asking the published night for recommendations: products in, a list out.

What belongs here: reading what the answer needs from ``marts``. What does not: how the answer is
found (``recommenders.similar_items``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl
import psycopg

from ecorse.errors import DataError
from ecorse.recommenders.basket import context_lift, recommend_for_basket
from ecorse.warehouse.connect import connect
from ecorse.warehouse.frames import read_frame

PRODUCTS = """
select product_id, product_name, category, orders from marts.products where shop_id = %s
"""
SIMILARITY = """
select product_id, similar_product_id, score, relation from marts.item_similarity_served
where shop_id = %s and product_id = any(%s)
"""
LINES = "select product_id, daypart, ordered_local from marts.order_lines where shop_id = %s"


def recommend(
    products: Sequence[str],
    *,
    shop_id: str | None = None,
    n: int = 5,
    category: str | None = None,
    month: int | None = None,
    daypart: str | None = None,
) -> list[dict[str, Any]]:
    """Recommend ``n`` products beside chosen ones, named by id or by their name in any case.

    ``month`` (1 to 12) and ``daypart`` weigh products by how much more they sell then. Without
    ``shop_id`` the warehouse must hold one shop.

    Returns
    -------
    list of dict
        rank, product_id, product_name, category, score, source, because_of (a product's name).

    Raises
    ------
    DataError
        A product, shop or category is not in the published night.
    """
    with connect("app_reader", application_name="ecorse recommend") as conn:
        shop = shop_id or _only_shop(conn)
        catalogue = read_frame(conn, PRODUCTS, (shop,))
        chosen = [_product_id(catalogue, name, shop) for name in products]
        similarity = read_frame(conn, SIMILARITY, (shop, chosen))
        context = None
        if month is not None or daypart is not None:
            context = context_lift(read_frame(conn, LINES, (shop,)), month=month, daypart=daypart)
    listed = recommend_for_basket(
        similarity, catalogue, chosen, n, category=category, context=context
    )
    names = catalogue.select("product_id", "product_name", "category")
    because = names.select(
        pl.col("product_id").alias("because_of"), pl.col("product_name").alias("why")
    )
    answer = (
        listed.join(names, on="product_id", how="left", maintain_order="left")
        .join(because, on="because_of", how="left", maintain_order="left")
        .select(
            "rank", "product_id", "product_name", "category", "score", "source", because_of="why"
        )
    )
    return answer.to_dicts()


def _only_shop(conn: psycopg.Connection) -> str:
    shops = [row[0] for row in conn.execute("select shop_id from marts.shops order by shop_id")]
    if len(shops) != 1:
        raise DataError(
            f"The published night has {len(shops)} shops ({', '.join(shops) or 'none'}). "
            "Say which one: --shop."
        )
    return str(shops[0])


def _product_id(catalogue: pl.DataFrame, wanted: str, shop: str) -> str:
    folded = wanted.strip().casefold()
    for row in catalogue.iter_rows(named=True):
        if folded in (row["product_id"].casefold(), row["product_name"].casefold()):
            return str(row["product_id"])
    near = [n for n in catalogue["product_name"] if folded and folded in n.casefold()][:5]
    raise DataError(
        f"Shop {shop!r} sells no {wanted!r}. "
        + (f"Did you mean {', '.join(near)}? " if near else "")
        + "All products are in marts.products."
    )
