"""Best sellers behind an answer that is short, or in place of one that there is not.

What belongs here: which best sellers, within the shop's rules. What does not: where they go
(``answers``).
"""

from __future__ import annotations

import polars as pl

from ecorse.answering import listed
from ecorse.answering.question import Question
from ecorse.answering.shop import Shop
from ecorse.models.list_rules import RuledList


def best_sellers(shop: Shop, question: Question, kind: RuledList) -> pl.DataFrame:
    """Those of the category, of the time, or of late; then those of all time that fit.

    What the shop's rules keep off its best sellers, or off the list that was asked for, fills up no
    list. Where there are rules, twenty of each may not be enough: then come all.

    Parameters
    ----------
    kind
        The list whose boosts count.
    """
    asked = [
        ("category", question.category),
        ("month", None if question.month is None else str(question.month)),
        ("daypart", question.daypart),
    ]
    scopes = [(scope, value) for scope, value in asked if value is not None][:1]
    parts = [
        (shop.best_sellers(scope, value), scope, value)
        for scope, value in [*(scopes or [("lately", "")]), ("all", "")]
    ]
    kinds: list[RuledList] = [kind, "popular"]
    if question.customer is not None:
        kinds.append(question.list)
    own, *others = [shop.rules(one) for one in dict.fromkeys(kinds)]
    if not all(rules.is_empty for rules in (own, *others)):
        parts.append((shop.sellers, "all", ""))
    best = pl.concat([own.weighed(_told(*part)) for part in parts])
    for rules in others:
        best = rules.allowed(best)
    return listed.of_category(best, shop.of_category(question.category))


def _told(rows: pl.DataFrame, scope: str, value: str) -> pl.DataFrame:
    """``product_id, score, source, reason``, the best seller first."""
    told = {"all": "", "lately": " of the last 28 days", "month": f" of month {value}"}
    noun = pl.when(pl.col("source") == "events").then(pl.lit("visits"))
    return (
        rows.filter(pl.col("score") > 0)  # a pin may have none
        .sort("score", descending=True, maintain_order=True)
        .select(
            "product_id",
            "score",
            source=pl.lit("popular"),
            reason=pl.concat_str(
                pl.lit("A best seller: in "),
                "baskets",
                pl.lit(" "),
                noun.otherwise(pl.lit("orders")),
                pl.lit(told.get(scope, f" of {value}" if scope == "daypart" else "")),
            ),
        )
    )
