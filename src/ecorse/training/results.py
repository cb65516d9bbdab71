"""The tables that every model fills: its figures beside others', and what became of it tonight.

What belongs here: their columns, comments and checks.
"""

from __future__ import annotations

from ecorse.models.relation import TableSpec

SHOP = ("text", "Shop")
MODEL = ("text", "File of include/models")
TASK = ("text", "segment or recommend")
METHOD = ("text", "What tells the model's rows from others in the result tables")

MODEL_SCORES = TableSpec(
    name="model_scores",
    about="The leaderboard: how each model of a shop did tonight, beside simple baselines",
    grain=("shop_id", "task", "method", "slice", "metric"),
    columns={
        "shop_id": SHOP,
        "model": MODEL,
        "task": TASK,
        "method": METHOD,
        "slice": ("text", "What it was judged on: baskets, users or all"),
        "metric": ("text", "Which figure, such as hit_rate_at_10 or silhouette"),
        "value": ("double precision", "The figure; null where there was nothing to judge"),
        "low": ("double precision", "Lower end of its 95 % interval; null where it has none"),
        "high": ("double precision", "Upper end of its 95 % interval"),
        "cases": ("bigint", "How many cases it is made of"),
        "is_primary": ("boolean", "The figure that the gate and the choice of method go by"),
        "priority": ("integer", "Of methods that the figures do not part, the lowest is served"),
        "is_baseline": ("boolean", "A simple method that others are measured against"),
        "is_champion": ("boolean", "The row of the model whose lists are in the tables"),
        "fit_seconds": ("double precision", "Wall time of fitting; differs from run to run"),
        "peak_mb": ("double precision", "Memory peak of the process so far, in MB; differs too"),
    },
    checks={
        "value_within_interval": (
            "fail",
            "select s.shop_id, s.method, s.metric, s.low, s.value, s.high "
            "from marts.model_scores as s where s.value < s.low or s.value > s.high",
        )
    },
    writer_column="model",
)
VOLATILE = {"model_scores": ("fit_seconds", "peak_mb")}

MODEL_STATUS = TableSpec(
    name="model_status",
    about="What became of each model of each shop tonight, and whether its rows are of this night",
    grain=("shop_id", "model"),
    columns={
        "shop_id": SHOP,
        "model": MODEL,
        "task": TASK,
        "method": METHOD,
        "entity": ("text", "What a segmentation labels: order or customer; null otherwise"),
        "outcome": (
            "text",
            "promoted: the new model serves; held or refused: it did not earn its place; failed: "
            "it could not be trained",
        ),
        "is_of_this_night": (
            "boolean",
            "False: the rows in the result tables were carried over from an earlier night",
        ),
        "reason": ("text", "Why, with the numbers that decided"),
    },
    checks={
        "every_model_was_trained": (
            "warn",
            "select s.shop_id, s.model, s.reason from marts.model_status as s "
            "where s.outcome = 'failed'",
        )
    },
    writer_column="model",
)
