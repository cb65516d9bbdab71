"""The tables that every segmentation fills: labels, points, segments, traits.

What belongs here: their columns, comments and checks. What does not: computing them
(``ecorse.training.segmentation``), a model's own tables (its ``diagnostics``).
"""

from __future__ import annotations

from ecorse.models.checks import SqlCheck
from ecorse.models.declaration import ENTITIES, Entity
from ecorse.models.group_rules import Unique
from ecorse.models.relation import Column, Relation
from ecorse.models.row_rules import AcceptedValues, Between
from ecorse.models.share_rules import ShareOf
from ecorse.models.table_rules import References

SHOP = Column("text", "Shop")
SEGMENTATION_COLUMN = Column("text", "Which segmentation: the name in its declaration")
SEGMENT_ID = Column(
    "integer",
    "Segment; the same number means the same segment on every night; 0 for what is in none",
)
SEGMENT_NAME = Column("text", "Short name by rule from the traits that set the segment apart")
WRITER = "segmentation"


def _labels(entity: Entity) -> Relation:
    return Relation(
        name=entity.labels,
        about=f"Which segment each of the {entity.noun} belongs to, by segmentation",
        grain=("shop_id", entity.id, "segmentation"),
        columns={
            "shop_id": SHOP,
            entity.id: Column("text", f"One of the {entity.noun}"),
            "segmentation": SEGMENTATION_COLUMN,
            "segment_id": SEGMENT_ID,
            "segment_name": SEGMENT_NAME,
        },
        checks=(
            # a shop whose model could not be trained keeps the labels it had, and says so
            SqlCheck(
                name="every_row_has_a_segment",
                sentence=f"One of the {entity.noun} has no segment",
                sql=f"""
                select c.shop_id, c.{entity.id}, m.method as segmentation
                from marts.{entity.covers} as c
                inner join marts.model_status as m
                    on m.shop_id = c.shop_id and m.task = 'segment'
                    and m.entity = '{entity.name}' and m.is_of_this_night
                left join marts.{entity.labels} as s
                    on s.shop_id = c.shop_id and s.segmentation = m.method
                    and s.{entity.id} = c.{entity.id}
                where c.{entity.id} is not null and {entity.labelled} and s.segment_id is null
                """,
            ),
            References(
                name="segment_is_described",
                sentence="A label has no row in marts.segments",
                table="marts.segments",
                on=("shop_id", "segmentation", "segment_id", "segment_name"),
            ),
        ),
        writer_column=WRITER,
    )


def _points(entity: Entity) -> Relation:
    return Relation(
        name=entity.points,
        about=f"A seeded sample of {entity.noun} on two axes (components), for plots",
        grain=("shop_id", entity.id, "segmentation"),
        columns={
            "shop_id": SHOP,
            entity.id: Column("text", f"One of the {entity.noun}"),
            "segmentation": SEGMENTATION_COLUMN,
            "segment_id": SEGMENT_ID,
            "pc1": Column("double precision", "First axis, such as the first principal component"),
            "pc2": Column("double precision", "Second axis; 0 where there is one"),
        },
        writer_column=WRITER,
    )


LABELS = {entity.name: _labels(entity) for entity in ENTITIES.values()}
POINTS = {entity.name: _points(entity) for entity in ENTITIES.values()}

SEGMENTS = Relation(
    name="segments",
    about="One row per segment: its name, what it means, how large it is",
    grain=("shop_id", "segmentation", "segment_id"),
    columns={
        "shop_id": SHOP,
        "segmentation": SEGMENTATION_COLUMN,
        "segment_id": SEGMENT_ID,
        "segment_name": SEGMENT_NAME,
        "meaning": Column("text", "What sets it apart, in a sentence with effect sizes"),
        "members": Column("bigint", "How many rows have this label"),
        "share": Column("double precision", "Members by all labelled rows, 0 to 1"),
        "leading_trait": Column("text", "The name stays while this trait holds"),
        "is_small": Column("boolean", "Below the smallest share that the declaration allows"),
        "is_degenerate": Column(
            "boolean", "The model had too few distinct rows to choose from, or found no structure"
        ),
    },
    checks=(
        ShareOf(
            name="share_is_of_all_members",
            shares=("share = members",),
            by=("shop_id", "segmentation"),
            decimals=12,
        ),
        Unique(name="names_are_unique", columns=("shop_id", "segmentation", "segment_name")),
        AcceptedValues(
            name="no_small_segment",
            level="warn",
            sentence="A segment is smaller than its declaration allows",
            column="is_small",
            values=("false",),
        ),
        AcceptedValues(
            name="not_degenerate",
            level="warn",
            sentence="A model had too few distinct rows to choose from, or found no structure",
            column="is_degenerate",
            values=("false",),
        ),
    ),
    writer_column=WRITER,
)

SEGMENT_TRAITS = Relation(
    name="segment_traits",
    about="What sets each segment apart, strongest trait first",
    grain=("shop_id", "segmentation", "segment_id", "trait_rank"),
    columns={
        "shop_id": SHOP,
        "segmentation": SEGMENTATION_COLUMN,
        "segment_id": SEGMENT_ID,
        "trait_rank": Column("integer", "1 for the largest effect size"),
        "feature": Column("text", "Feature of the declaration"),
        "phrase": Column("text", "The trait in a word or two, as used in names"),
        "value": Column(
            "double precision",
            "In the segment: centre of a cycle, geometric mean, or share of a value",
        ),
        "overall_value": Column("double precision", "The same over all rows"),
        "effect_size": Column("double precision", "0 to 1, comparable between features"),
        "effect_measure": Column("text", "Which correlation the effect size is"),
        "contrast": Column("double precision", "The feature's own measure of difference"),
        "contrast_measure": Column(
            "text", "standardized mean difference, share ratio, or mean resultant length"
        ),
        "sentence": Column("text", "The trait as part of a sentence"),
    },
    checks=(Between(name="effect_in_range", columns=("effect_size",), at_least=0.0, at_most=1.0),),
    writer_column=WRITER,
)
