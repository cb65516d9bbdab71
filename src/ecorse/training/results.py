"""The tables that every model fills: its figures beside others', and what became of it tonight.

What belongs here: their columns, comments and checks.
"""

from __future__ import annotations

from ecorse.models.relation import Column, Relation
from ecorse.models.row_rules import AcceptedValues, Compare

SHOP = Column("text", "Shop")
MODEL = Column("text", "File of include/models")
TASK = Column("text", "segment or recommend")
METHOD = Column("text", "What tells the model's rows from others in the result tables")

MODEL_SCORES = Relation(
    name="model_scores",
    about="The leaderboard: how each model of a shop did tonight, beside simple baselines",
    grain=("shop_id", "model", "method", "list", "slice", "metric"),
    columns={
        "shop_id": SHOP,
        "model": MODEL,
        "task": TASK,
        "method": METHOD,
        "list": Column(
            "text",
            "Of recommenders which list: item_similarity, for_you, explore, buy_again; else empty",
        ),
        "slice": Column("text", "What it was judged on: all, baskets, or the customers of a kind"),
        "metric": Column("text", "Which figure, such as hit_rate_at_10 or silhouette"),
        "value": Column("double precision", "The figure; null where there was nothing to judge"),
        "low": Column("double precision", "Lower end of its 95 % interval; null if it has none"),
        "high": Column("double precision", "Upper end of its 95 % interval"),
        "cases": Column("bigint", "How many cases it is made of"),
        "is_primary": Column("boolean", "The figure that the gate and the choice go by"),
        "priority": Column(
            "integer", "Of methods that the figures do not part, the lowest is served"
        ),
        "is_baseline": Column(
            "boolean",
            "A simple method that others are measured against, or a part of a blend by itself",
        ),
        "is_champion": Column("boolean", "Of the model whose rows are in the result tables"),
        "was_served": Column(
            "boolean", "Whether applications read this method's list in the night before"
        ),
        "fit_seconds": Column("double precision", "Wall time of fitting; differs by run"),
        "peak_mb": Column("double precision", "Memory peak of the process so far, MB; differs too"),
    },
    checks=(Compare(name="value_within_interval", columns=("low <= value <= high",)),),
    writer_column="model",
    volatile=("fit_seconds", "peak_mb"),
)

MODEL_STATUS = Relation(
    name="model_status",
    about="What became of each model of each shop tonight, and whether its rows are of this night",
    grain=("shop_id", "model"),
    columns={
        "shop_id": SHOP,
        "model": MODEL,
        "task": TASK,
        "method": METHOD,
        "entity": Column(
            "text", "What a segmentation labels: order, customer or profile; null otherwise"
        ),
        "outcome": Column(
            "text",
            "promoted: the new model serves; held or refused: it did not earn its place; failed: "
            "it could not be trained",
        ),
        "is_of_this_night": Column(
            "boolean", "False: the rows in the result tables were carried over from a night before"
        ),
        "reason": Column("text", "Why, with the numbers that decided"),
    },
    checks=(
        AcceptedValues(
            name="every_model_was_trained",
            level="warn",
            sentence="A model could not be trained; what the shop had before stands in",
            column="outcome",
            values=("promoted", "held", "refused"),
        ),
    ),
    writer_column="model",
    volatile=("reason",),  # it compares with the champion, which the first night has none of
)
