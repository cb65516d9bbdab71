"""The tables that every segmentation fills: labels, points, segments, traits.

What belongs here: their columns, comments and checks. What does not: computing them
(``ecorse.training.segmentation_tables``), a model's own tables (its ``diagnostics``).
"""

from __future__ import annotations

from ecorse.models.checks import SqlCheck
from ecorse.models.group_rules import Unique
from ecorse.models.relation import Column, Relation
from ecorse.models.row_rules import AcceptedValues, Between, Compare, FilledWhere
from ecorse.models.segmentation_file import ENTITIES, Entity
from ecorse.models.share_rules import ShareOf
from ecorse.models.table_rules import References

SHOP = Column("text", "Shop")
SEGMENTATION_COLUMN = Column("text", "Which segmentation: the name in its declaration")
SEGMENT_ID = Column(
    "integer",
    "Segment; the same number means the same segment on every night; 0 for what is in none",
)
SEGMENT_NAME = Column("text", "Short name by rule from the claims that hold of it")
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
            "previous_segment_id": Column(
                "integer", "The segment it was in before this one; null if it was in no other yet"
            ),
            "previous_segment_name": Column("text", "The name of that segment when it was left"),
            "since_date": Column(
                "date",
                "Day since which it is in this segment: the last day of the data of the night",
            ),
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
        "meaning": Column("text", "What is true of most of it and untrue of most others, in words"),
        "members": Column("bigint", "How many rows have this label"),
        "share": Column("double precision", "Members by all labelled rows, 0 to 1"),
        "leading_trait": Column(
            "text", "The claim of the name that tells most; the name stays while its claims hold"
        ),
        "is_small": Column(
            "boolean",
            "Below the smallest share that the declaration allows; a rule's group may be empty",
        ),
        "is_degenerate": Column(
            "boolean", "The model had too few distinct rows to choose from, or found no structure"
        ),
        "valley": Column(
            "double precision",
            "How full it is half way to the nearest segment, by the lower of the two centres: "
            "near 0 groups stand apart, 1 or more is one crowd that was cut; null for segments by "
            "a rule",
        ),
        "finding": Column(
            "text",
            "What to know before relying on it, in plain words: too few, too large, no structure, "
            "no gap, nothing to say of it; null where there is nothing",
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
        SqlCheck(
            name="nothing_to_know",
            level="warn",
            sentence="A segment has something to know before relying on it (column finding)",
            sql="""
            select shop_id, segmentation, segment_id, finding from marts.segments
            where finding is not null
            """,
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
        "claim": Column(
            "text",
            "What is true of most members and untrue of most others, in plain words; null where "
            "nothing of this feature is",
        ),
        "test": Column(
            "text",
            "How the claim is tested: number (of the feature, from threshold_low up to, not "
            "including, threshold_high), window (more than half of the lines that have a time are "
            "in it), value (value_text makes up threshold_low or more)",
        ),
        "threshold_low": Column(
            "double precision",
            "Where the claim begins: a number; an hour, a weekday (Monday 1) or a month; a share",
        ),
        "threshold_high": Column(
            "double precision",
            "Where it ends, itself not included; a window whose end is not above its beginning "
            "goes over the end of the day, the week or the year",
        ),
        "value_text": Column("text", "The value that a claim is about"),
        "inside_share": Column("double precision", "Members of whom the claim is true, 0 to 1"),
        "outside_share": Column(
            "double precision", "All other labelled rows of which the claim is true, 0 to 1"
        ),
        "value": Column(
            "double precision",
            "In the segment: centre of a cycle, (geometric) mean, or share of a value",
        ),
        "overall_value": Column("double precision", "The same over all rows"),
        "effect_size": Column("double precision", "0 to 1, comparable between features"),
        "effect_measure": Column("text", "Which correlation the effect size is"),
        "contrast": Column("double precision", "The feature's own measure of difference"),
        "contrast_measure": Column(
            "text", "standardized mean difference, share ratio, or mean resultant length"
        ),
        "sentence": Column("text", "The claim with both shares in words; null without a claim"),
    },
    checks=(
        Between(
            name="shares_in_range",
            columns=("effect_size", "inside_share", "outside_share"),
            at_least=0.0,
            at_most=1.0,
        ),
        FilledWhere(
            name="claims_have_their_figures",
            sentence="A claim has no test or no shares, or a test has no claim",
            columns=("claim", "test", "inside_share", "outside_share", "sentence"),
            where="claim is not null",
        ),
        Compare(
            name="claims_are_of_most_members",
            sentence="A claim is truer of others than of the members",
            columns=("outside_share < inside_share",),
        ),
    ),
    writer_column=WRITER,
)

SEGMENTATION_FEATURES = Relation(
    name="segmentation_features",
    about="Which declared features a segmentation uses in each shop, and why others are left out",
    grain=("shop_id", "segmentation", "feature"),
    columns={
        "shop_id": SHOP,
        "segmentation": SEGMENTATION_COLUMN,
        "feature": Column("text", "Feature of the declaration, or attribute of a customer file"),
        "kind": Column("text", "How it is computed, or would be"),
        "column_name": Column("text", "The column of the input that it is made of"),
        "weight": Column("double precision", "Its weight in the declaration"),
        "is_used": Column("boolean", "Whether it can part anybody from anybody in this shop"),
        "known_share": Column("double precision", "Input rows that have a value, 0 to 1"),
        "reason": Column("text", "Why it is left out; null where it is used"),
    },
    checks=(
        FilledWhere(name="what_is_left_out_has_a_reason", columns=("reason",), where="not is_used"),
        Between(name="shares_in_range", columns=("known_share",), at_least=0.0, at_most=1.0),
    ),
    writer_column=WRITER,
)
