"""Behaviour events of a shop's own tracking: clicks, searches, bookmarks, ratings, views, carts.

What belongs here: this source's contract. What does not: reading, casting and loading, which all
sources share.

One event a line: ``event_at`` (UTC, ISO 8601), ``event_type`` and what belongs to it. Which of the
other columns a file has is up to its shop; which of them an event needs follows from its type.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import polars as pl

from ecorse.schema.contract import Column, Contract, Form, Header, Rule
from ecorse.schema.dtypes import dtype_of
from ecorse.schema.source import Canonical, Shop
from ecorse.schema.staging import EVENT_TYPES as KNOWN_TYPES
from ecorse.schema.staging import EVENTS
from ecorse.sources.canonical import extra_json, shop_of_row, to_instants

EVENT_TYPES = "|".join(KNOWN_TYPES)
OPTIONAL = (
    Column("product_id", "product_id", required=False),
    Column("customer_id", "customer_id", required=False, aliases=("user_id",)),
    Column("session_id", "session_id", required=False),
    Column("query", "query", required=False, aliases=("search_query",)),
    Column("rating", "rating", "decimal", required=False, decimal="."),
    Column("platform", "platform", required=False, aliases=("device",)),
    Column("country", "country", required=False),
    Column("quantity", "quantity", "integer", required=False),
    Column("price", "price", "decimal", required=False, decimal="."),
    Column("category_path", "category_path", required=False, aliases=("category_code",)),
    Column("brand", "brand", required=False),
)
CONTRACT = Contract(
    name="behaviour_events",
    table="events",
    forms=(
        Form(
            "event log with optional columns",
            (
                Column("event_at", "event_at", "timestamp", zone="UTC", aliases=("event_time",),
                       formats=("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%SZ")),
                Column("event_type", "event_type"),
                *OPTIONAL,
            ),
        ),
    ),
    rules=(
        Rule("event_at_empty", "event_at", "not_empty", "every event needs a time"),
        Rule("event_type_empty", "event_type", "not_empty", "every event needs a type"),
        Rule("event_type_unknown", "event_type", "one_of",
             f"expected one of {EVENT_TYPES.replace('|', ', ')}", EVENT_TYPES),
        Rule("rating_negative", "rating", "at_least", "expected 0 or more", "0"),
        Rule("rating_too_large", "rating", "at_most", "expected at most 100", "100"),
        Rule("quantity_not_positive", "quantity", "greater", "expected more than 0", "0"),
        Rule("quantity_too_large", "quantity", "at_most", "expected at most 1000000", "1000000"),
        Rule("price_negative", "price", "at_least", "expected 0 or more", "0"),
    ),
    dedup_key=("event_at", "event_type", "product_id", "customer_id", "session_id"),
)  # fmt: skip
# what an event of a type is about, and without which it says nothing
NEEDED = {
    "query": ("search",),
    "rating": ("rating",),
    "product_id": ("view", "cart", "remove_from_cart", "purchase", "bookmark", "rating"),
}


@dataclass(frozen=True)
class BehaviourEvents:
    """The source ``behaviour_events``."""

    name: str = "behaviour_events"
    contract: Contract = CONTRACT
    warnings: dict[str, str] = field(
        default_factory=lambda: {
            "customer_unknown": "{rows} events name no customer; they were kept.",
        }
    )

    def canonicalise(self, frame: pl.DataFrame, header: Header, shop: Shop) -> Canonical:
        """Give the events; one that lacks what its type is about is refused.

        Parameters
        ----------
        frame
            Typed rows of ``clean.cast``, any number.

        Returns
        -------
        Canonical
            Rows with the columns of ``staging.events``, and the reasons of those refused.
        """
        frame = frame.with_columns(
            pl.lit(None, dtype_of(column)).alias(column.name)
            for column in EVENTS.columns
            if column.mapped and column.name not in frame.columns
        )
        reasons = pl.concat(_lacking(frame, column) for column in NEEDED)
        frame = frame.filter(~pl.col("_row").is_in(reasons["_row"].implode()))
        extra = extra_json(header)
        at = to_instants(frame["event_at"], header.form.column_of("event_at"), shop)
        events = frame.select(
            "_row",
            at.alias("event_at"),
            "event_type",
            *(c.target or "" for c in OPTIONAL if c.target != "quantity"),
            pl.col("quantity").cast(pl.Int32),
            *([extra] if extra is not None else []),
            *shop_of_row(shop, pl.coalesce("session_id", "customer_id")),
        )
        unknown = events["customer_id"].null_count()
        return Canonical(
            events, Counter({"customer_unknown": unknown} if unknown else {}), reasons=reasons
        )


SOURCE = BehaviourEvents()


def _lacking(frame: pl.DataFrame, column: str) -> pl.DataFrame:
    """Why rows are refused whose type needs a column that is empty."""
    needs = pl.col("event_type").is_in(NEEDED[column])
    return frame.filter(needs & pl.col(column).is_null()).select(
        "_row",
        pl.lit(f"{column}_missing").alias("rule"),
        pl.lit(column).alias("column"),
        pl.format("{} is empty: a {} event needs one.", pl.lit(column), "event_type").alias(
            "sentence"
        ),
    )
