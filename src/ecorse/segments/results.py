"""The tables that every segmentation fills: labels, points, segments, traits.

What belongs here: their columns, comments and checks. What does not: computing them
(``ecorse.training.segmentation``), a model's own tables (its ``diagnostics``).
"""

from __future__ import annotations

from ecorse.models.declaration import ENTITIES, Entity
from ecorse.models.relation import TableSpec

SHOP = ("text", "Shop")
SEGMENTATION = ("text", "Which segmentation: the name in its declaration")
SEGMENT_ID = (
    "integer",
    "Segment; the same number means the same segment on every night; 0 for what is in none",
)
SEGMENT_NAME = ("text", "Short name by rule from the traits that set the segment apart")


def _labels(entity: Entity) -> TableSpec:
    return TableSpec(
        name=entity.labels,
        about=f"Which segment each of the {entity.noun} belongs to, by segmentation",
        grain=("shop_id", entity.id, "segmentation"),
        columns={
            "shop_id": SHOP,
            entity.id: ("text", f"One of the {entity.noun}"),
            "segmentation": SEGMENTATION,
            "segment_id": SEGMENT_ID,
            "segment_name": SEGMENT_NAME,
        },
        checks={
            # a shop whose model could not be trained keeps the labels it had, flagged
            "every_row_has_a_segment": (
                "fail",
                f"select c.shop_id, c.{entity.id}, m.method as segmentation "
                f"from marts.{entity.covers} as c inner join marts.model_status as m "
                f"on m.shop_id = c.shop_id and m.task = 'segment' and m.entity = '{entity.name}' "
                f"and m.is_of_this_night left join marts.{entity.labels} as s "
                f"on s.shop_id = c.shop_id and s.segmentation = m.method "
                f"and s.{entity.id} = c.{entity.id} "
                f"where c.{entity.id} is not null and s.segment_id is null",
            ),
            "segment_is_described": (
                "fail",
                f"select s.shop_id, s.segmentation, s.segment_id, count(*) as members "
                f"from marts.{entity.labels} as s left join marts.segments as d "
                f"on d.shop_id = s.shop_id and d.segmentation = s.segmentation "
                f"and d.segment_id = s.segment_id and d.segment_name = s.segment_name "
                f"where d.segment_id is null "
                f"group by s.shop_id, s.segmentation, s.segment_id",
            ),
        },
        writer_column="segmentation",
    )


def _points(entity: Entity) -> TableSpec:
    return TableSpec(
        name=entity.points,
        about=f"A seeded sample of {entity.noun} on two axes (components), for plots",
        grain=("shop_id", entity.id, "segmentation"),
        columns={
            "shop_id": SHOP,
            entity.id: ("text", f"One of the {entity.noun}"),
            "segmentation": SEGMENTATION,
            "segment_id": SEGMENT_ID,
            "pc1": ("double precision", "First principal component"),
            "pc2": ("double precision", "Second principal component; 0 where there is one"),
        },
        writer_column="segmentation",
    )


LABELS = {entity.name: _labels(entity) for entity in ENTITIES.values()}
POINTS = {entity.name: _points(entity) for entity in ENTITIES.values()}

SEGMENTS = TableSpec(
    name="segments",
    about="One row per segment: its name, what it means, how large it is",
    grain=("shop_id", "segmentation", "segment_id"),
    columns={
        "shop_id": SHOP,
        "segmentation": SEGMENTATION,
        "segment_id": SEGMENT_ID,
        "segment_name": SEGMENT_NAME,
        "meaning": ("text", "What sets it apart, in a sentence with effect sizes"),
        "members": ("bigint", "How many rows have this label"),
        "share": ("double precision", "Members by all labelled rows, 0 to 1"),
        "leading_trait": ("text", "The name stays while this trait holds"),
        "is_small": ("boolean", "Below the smallest share that the declaration allows"),
        "is_degenerate": (
            "boolean",
            "The model had too few distinct rows to choose the number of segments",
        ),
    },
    checks={
        "shares_sum_to_one": (
            "fail",
            "select s.shop_id, s.segmentation, sum(s.share) as total from marts.segments as s group by s.shop_id, s.segmentation "
            "having abs(sum(s.share) - 1) > 1e-9",
        ),
        "names_are_unique": (
            "fail",
            "select s.shop_id, s.segmentation, s.segment_name, count(*) as segments from marts.segments as s group by s.shop_id, s.segmentation, "
            "s.segment_name having count(*) > 1",
        ),
        "no_small_segment": (
            "warn",
            "select s.shop_id, s.segmentation, s.segment_id, s.share from marts.segments as s "
            "where s.is_small",
        ),
        "not_degenerate": (
            "warn",
            "select s.shop_id, s.segmentation, s.segment_id from marts.segments as s "
            "where s.is_degenerate",
        ),
    },
    writer_column="segmentation",
)

SEGMENT_TRAITS = TableSpec(
    name="segment_traits",
    about="What sets each segment apart, strongest trait first",
    grain=("shop_id", "segmentation", "segment_id", "trait_rank"),
    columns={
        "shop_id": SHOP,
        "segmentation": SEGMENTATION,
        "segment_id": SEGMENT_ID,
        "trait_rank": ("integer", "1 for the largest effect size"),
        "feature": ("text", "Feature of the declaration"),
        "phrase": ("text", "The trait in a word or two, as used in names"),
        "value": (
            "double precision",
            "In the segment: centre of a cycle, geometric mean, or share of a value",
        ),
        "overall_value": ("double precision", "The same over all rows"),
        "effect_size": ("double precision", "0 to 1, comparable between features"),
        "effect_measure": ("text", "Which correlation the effect size is"),
        "contrast": ("double precision", "The feature's own measure of difference"),
        "contrast_measure": (
            "text",
            "standardized mean difference, share ratio, or mean resultant length",
        ),
        "sentence": ("text", "The trait as part of a sentence"),
    },
    checks={
        "effect_in_range": (
            "fail",
            "select s.shop_id, s.segmentation, s.segment_id, s.trait_rank from marts.segment_traits as s "
            "where (s.effect_size < 0 or s.effect_size > 1)",
        )
    },
    writer_column="segmentation",
)
