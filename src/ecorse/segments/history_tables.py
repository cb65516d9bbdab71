"""The tables of segments over time that every segmentation fills: events, migrations, drift.

What belongs here: their columns, comments and checks. What does not: computing them (``history``,
``events``, ``ecorse.evaluate.drift``).
"""

from __future__ import annotations

from ecorse.models.checks import SqlCheck
from ecorse.models.relation import Column, Relation
from ecorse.models.row_rules import AcceptedValues, Between
from ecorse.models.share_rules import ShareOf
from ecorse.segments.results import SEGMENTATION_COLUMN, SHOP, WRITER

EVENT_KINDS = ("birth", "death", "split", "merge", "renamed")

SEGMENT_EVENTS = Relation(
    name="segment_events",
    about="What became of segments, night by night: births, deaths, splits, merges, new names",
    grain=(
        "shop_id", "segmentation", "event_date", "event", "segment_id", "other_segment_id",
    ),
    columns={
        "shop_id": SHOP,
        "segmentation": SEGMENTATION_COLUMN,
        "event_date": Column(
            "date",
            "Last day of the data of the night on which it was seen; of a shop without an order "
            "the day on which its last customer file came",
        ),
        "event": Column("text", "birth, death, split, merge or renamed"),
        "segment_id": Column("integer", "The segment it happened to"),
        "segment_name": Column("text", "Its name then"),
        "other_segment_id": Column(
            "integer",
            "split: the part that is new; merge: the segment that took its members; renamed: "
            "itself; -1: none",
        ),
        "other_segment_name": Column("text", "Its name; of renamed: the name before"),
        "members": Column(
            "bigint",
            "Members: of a death before it; of a split or merge those who are still in a segment",
        ),
        "shared_members": Column("bigint", "Members that are in the other segment; null: no other"),
    },
    checks=(
        AcceptedValues(name="known_events", column="event", values=EVENT_KINDS),
        SqlCheck(
            name="events_agree_with_segments",
            sentence="What was born last is no segment, or what died last is one",
            sql="""
            select e.shop_id, e.segmentation, e.segment_id, e.event, e.event_date
            from marts.segment_events as e
            inner join (
                select shop_id, segmentation, segment_id, max(event_date) as event_date
                from marts.segment_events where event in ('birth', 'death')
                group by shop_id, segmentation, segment_id
            ) as latest
                on e.shop_id = latest.shop_id and e.segmentation = latest.segmentation
                and e.segment_id = latest.segment_id and e.event_date = latest.event_date
            left join marts.segments as s
                on s.shop_id = e.shop_id and s.segmentation = e.segmentation
                and s.segment_id = e.segment_id
            where e.event in ('birth', 'death')
                and (e.event = 'birth') <> (s.segment_id is not null)
            """,
        ),
    ),
    writer_column=WRITER,
)  # fmt: skip

SEGMENT_MIGRATIONS = Relation(
    name="segment_migrations",
    about="Who went from which segment to which since the published night before; one row a pair",
    grain=("shop_id", "segmentation", "from_segment_id", "to_segment_id"),
    columns={
        "shop_id": SHOP,
        "segmentation": SEGMENTATION_COLUMN,
        "from_segment_id": Column("integer", "Segment of the night before; -1 for who is new"),
        "from_segment_name": Column("text", "Its name that night; (new)"),
        "to_segment_id": Column("integer", "Segment of this night; -1 for who is gone"),
        "to_segment_name": Column("text", "Its name now; (gone)"),
        "members": Column("bigint", "How many went that way, or stayed"),
        "share_of_from": Column("double precision", "Of all with the same origin, 0 to 1"),
        "is_move": Column("boolean", "From one segment to another; false for new and gone"),
        "previous_date": Column(
            "date", "Last day of the data of the night before; null where there was none"
        ),
        "night_date": Column("date", "Last day of the data of this night"),
    },
    checks=(
        SqlCheck(
            name="migrations_sum_to_members",
            sentence="Who went to a segment or stayed there are not its members",
            sql="""
            select s.shop_id, s.segmentation, s.segment_id, s.members, m.members as came
            from marts.segments as s
            left join (
                select shop_id, segmentation, to_segment_id, sum(members) as members
                from marts.segment_migrations
                group by shop_id, segmentation, to_segment_id
            ) as m
                on m.shop_id = s.shop_id and m.segmentation = s.segmentation
                and m.to_segment_id = s.segment_id
            where s.members <> coalesce(m.members, 0)
            """,
        ),
        ShareOf(
            name="share_is_of_origin",
            shares=("share_of_from = members",),
            by=("shop_id", "segmentation", "from_segment_id"),
            decimals=12,
        ),
    ),
    writer_column=WRITER,
)

SEGMENT_DRIFT = Relation(
    name="segment_drift",
    about="How far shares and inputs moved since the published model, as PSI, beside the limit",
    grain=("shop_id", "segmentation", "feature", "compared"),
    columns={
        "shop_id": SHOP,
        "segmentation": SEGMENTATION_COLUMN,
        "feature": Column("text", "Feature of the declaration, or segment shares"),
        "compared": Column(
            "text",
            "all: every row against those the published model was made of; added: those that came "
            "since; again: lines since then against the same entities' earlier ones; members: "
            "shares of segments against the published night",
        ),
        "psi": Column(
            "double precision", "Population stability index; below 0.1 calm, above 0.25 a shift"
        ),
        "limit_psi": Column("double precision", "Above it the model is held; null: not judged"),
        "is_drifted": Column("boolean", "Above the limit"),
    },
    checks=(
        Between(name="psi_is_not_negative", columns=("psi",), at_least=0.0),
        AcceptedValues(
            name="nothing_drifted",
            level="warn",
            sentence="A model's inputs or its segments moved further than its declaration allows",
            column="is_drifted",
            values=("false",),
        ),
    ),
    writer_column=WRITER,
)

HISTORY = (SEGMENT_EVENTS, SEGMENT_MIGRATIONS, SEGMENT_DRIFT)
