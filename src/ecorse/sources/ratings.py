"""Ratings that customers gave products, one a line, in the form of MovieLens.

What belongs here: this source's contract. What does not: reading, casting and loading, which all
sources share; mean ratings (``marts.product_ratings``).

The form is ``userId,movieId,rating,timestamp`` with seconds since 1970 (UTC), as published by
GroupLens (https://grouplens.org/datasets/movielens/); any shop's product ratings in these columns,
or under the aliases, are read alike.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from ecorse.schema.contract import Column, Contract, Form, Header, Rule
from ecorse.schema.source import Canonical, Shop
from ecorse.sources.canonical import extra_json, shop_of_row, to_instants

CONTRACT = Contract(
    name="ratings",
    table="events",
    forms=(
        Form(
            "ratings, 4 columns",
            (
                Column("userId", "customer_id", aliases=("user_id", "customer_id")),
                Column("movieId", "product_id", aliases=("product_id", "item_id", "itemId")),
                Column("rating", "rating", "decimal", decimal="."),
                Column("timestamp", "event_at", "timestamp", formats=("epoch",), zone="UTC"),
            ),
        ),
    ),
    rules=(
        Rule("customer_empty", "customer_id", "not_empty", "every rating needs a customer"),
        Rule("product_empty", "product_id", "not_empty", "every rating needs a product"),
        Rule("rating_empty", "rating", "not_empty", "every rating needs a number"),
        Rule("rating_negative", "rating", "at_least", "expected 0 or more", "0"),
        Rule("rating_too_large", "rating", "at_most", "expected at most 100", "100"),
        Rule("event_at_empty", "event_at", "not_empty", "every rating needs a time"),
    ),
    dedup_key=("event_at", "product_id", "customer_id"),
)


@dataclass(frozen=True)
class Ratings:
    """The source ``ratings``."""

    name: str = "ratings"
    contract: Contract = CONTRACT
    warnings: dict[str, str] = field(default_factory=dict)

    def canonicalise(self, frame: pl.DataFrame, header: Header, shop: Shop) -> Canonical:
        """Give each rating as an event of type ``rating``.

        Parameters
        ----------
        frame
            Typed rows of ``clean.cast``, any number.

        Returns
        -------
        Canonical
            The same rows with the columns of ``staging.events``.
        """
        extra = extra_json(header)
        at = to_instants(frame["event_at"], header.form.column_of("event_at"), shop)
        return Canonical(
            frame.select(
                "_row",
                at.alias("event_at"),
                pl.lit("rating").alias("event_type"),
                "product_id",
                "customer_id",
                "rating",
                *([extra] if extra is not None else []),
                *shop_of_row(shop, pl.col("customer_id")),
            )
        )


SOURCE = Ratings()
