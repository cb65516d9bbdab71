"""Products, customers and baskets by number: from the selected frames to rows.

What belongs here: numbering, and what every row has. What does not: what rows say
(``interaction_rows``).
"""

from __future__ import annotations

import polars as pl

from ecorse.errors import DataError
from ecorse.models.words import as_words

IDS = ("product_id", "customer_id", "basket_id", "shop_id")
Frames = tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]


def numbered(
    products: pl.DataFrame, interactions: pl.DataFrame, customers: pl.DataFrame | None
) -> Frames:
    """Products, customers and rows, whose numbers are places in the first two.

    Rows of unknown products are dropped; see ``Interactions.from_frames``.

    Raises
    ------
    DataError
        A needed column is missing.
    """
    for name, frame, needed in (
        ("products", products, ("product_id",)),
        ("interactions", interactions, ("product_id", "at")),
    ):
        if missing := [c for c in needed if c not in frame.columns]:
            raise DataError(
                f"Input {name!r} has no column {', '.join(missing)}; select it in [inputs]."
            )
    items = products.unique("product_id", keep="any").sort("product_id")
    rows = interactions.with_columns(
        **{
            name: pl.lit(default)
            for name, default in (("kind", "purchase"), ("weight", 1.0))
            if name not in interactions.columns
        },
        **{
            name: pl.lit(None, pl.String)
            for name in ("customer_id", "basket_id")
            if name not in interactions.columns
        },
    )
    if customers is None:
        customers = rows.select("customer_id").drop_nulls()
    users = customers.unique("customer_id", keep="any").sort("customer_id")
    rows = rows.select(
        _number(rows["product_id"], items["product_id"]).alias("item"),
        _number(rows["customer_id"], users["customer_id"]).alias("user"),
        (rows["basket_id"].rank("dense") - 1).cast(pl.UInt32).alias("basket"),
        pl.col("at").cast(pl.Datetime("us")),
        as_words(rows["kind"]),
        pl.col("weight").cast(pl.Float32),
        *(
            as_words(rows[name]) if rows[name].dtype in (pl.String, pl.Categorical) else rows[name]
            for name in rows.columns
            if name not in (*IDS, "at", "kind", "weight")
        ),
    ).drop_nulls("item")
    return items, users, rows


def _number(ids: pl.Series, sorted_ids: pl.Series) -> pl.Series:
    """The place of each id among the sorted ones; null where it is not among them."""
    known = pl.DataFrame({"id": sorted_ids}).with_row_index("number")
    return ids.to_frame("id").join(known, on="id", how="left", maintain_order="left")["number"]
