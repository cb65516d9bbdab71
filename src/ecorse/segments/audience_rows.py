"""The rows of an audience, from one published night.

What belongs here: which segment and action are meant, and the selects. What does not: who of them
may be written to (``audience``); how a night is held (``ecorse.night``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from ecorse.errors import DataError
from ecorse.models.action import Action, read_actions, unknown
from ecorse.models.segmentation_file import ENTITIES, Entity
from ecorse.schema.staging import STATEMENTS
from ecorse.segments.audience import Audience, make_audience, refuse_undeclared

Read = Callable[[str, Sequence[Any]], pl.DataFrame]
"""A select of one night and its parameters, to its rows."""

SEGMENTS = """
select segmentation, segment_id, segment_name from marts.segments
where shop_id = %s order by segmentation, segment_id
"""
ENTITY = """
select distinct entity from marts.model_status
where shop_id = %s and method = %s and task = 'segment'
"""
# customers of a file need not have bought: they are in no row of marts.customers
MEMBERS = """
select m.customer_id, c.last_purchase_date, coalesce(c.purchases, 0) as purchases, s.stage
from (
    select distinct l.shop_id, {member}.customer_id
    from marts.{labels} as l {joined}
    where l.shop_id = %s and l.segmentation = %s and l.segment_id = %s
        and {member}.customer_id is not null
) as m
left join marts.customers as c using (shop_id, customer_id)
left join marts.customer_lifecycle as s using (shop_id, customer_id)
"""
ORDERS_OF_NOBODY = """
select count(*) as n from marts.order_segments as l
inner join marts.orders as o using (shop_id, order_id)
where l.shop_id = %s and l.segmentation = %s and l.segment_id = %s and o.customer_id is null
"""
ATTRIBUTES = """
select attribute from marts.customer_attributes where shop_id = %s
union
select statement from marts.customer_consents where shop_id = %s
"""
STATED = """
select customer_id, attribute, value_text from marts.customer_attributes
where shop_id = %s and attribute = any(%s)
union all
select customer_id, statement, cast(is_so as text) from marts.customer_consents
where shop_id = %s and statement = any(%s)
"""
ACTIONS = """
select action, holdout_share from marts.segment_actions
where shop_id = %s and segmentation = %s and segment_id = %s order by action_rank
"""


def read_audience(
    read: Read, shop_id: str, segmentation: str, segment: str, action: str | None
) -> Audience:
    """The customers of a segment who may be written to.

    Parameters
    ----------
    segment
        Its name in any case, or its number.
    action
        An action that the night has for this segment: its holdout is marked.

    Raises
    ------
    DataError
        There is no such segmentation, segment or action, and the message has those that there are;
        or something that is known of customers looks like consent that nothing declares.
    """
    chosen = _segment(read(SEGMENTS, (shop_id,)), segmentation, segment)
    key = (shop_id, segmentation, chosen["segment_id"])
    rule = None if action is None else _action(read(ACTIONS, key), action)
    (entity,) = read(ENTITY, (shop_id, segmentation))["entity"]
    refuse_undeclared(set(read(ATTRIBUTES, (shop_id, shop_id))["attribute"]), shop_id)
    return make_audience(
        read(members_of(ENTITIES[entity]), key),
        read(STATED, 2 * (shop_id, list(STATEMENTS))),
        segment={"shop_id": shop_id, **chosen},
        action=rule,
        orders_of_nobody=read(ORDERS_OF_NOBODY, key)["n"].item(),
    )


def _segment(segments: pl.DataFrame, segmentation: str, wanted: str) -> dict[str, Any]:
    """A segment by its name in any case, or by its number."""
    known = list(dict.fromkeys(segments["segmentation"]))
    if segmentation not in known:
        raise DataError(
            f"The night has no segmentation {segmentation!r} of this shop; it has "
            f"{', '.join(known) or 'none'}."
        )
    own = segments.filter(segmentation=segmentation)
    for row in own.iter_rows(named=True):
        if wanted.strip().casefold() in (str(row["segment_id"]), row["segment_name"].casefold()):
            return row
    there = [f"{row['segment_id']} {row['segment_name']!r}" for row in own.iter_rows(named=True)]
    raise DataError(
        f"The segmentation {segmentation} has no segment {wanted!r}; it has {', '.join(there)}."
    )


def members_of(entity: Entity) -> str:
    """The select of the customers whom a segment of this entity's labels is of.

    Its parameters are shop_id, segmentation and segment_id.
    """
    if entity.id == "customer_id":
        return MEMBERS.format(labels=entity.labels, member="l", joined="")
    joined = f"inner join marts.{entity.covers} as e using (shop_id, {entity.id})"
    return MEMBERS.format(labels=entity.labels, member="e", joined=joined)


def _action(there: pl.DataFrame, wanted: str) -> Action:
    """The rule of an action that the night has for the segment, with the night's holdout."""
    rules = read_actions()
    if wanted not in rules:
        raise DataError(unknown(wanted, rules))
    found = there.filter(action=wanted)
    if found.is_empty():
        raise DataError(
            f"The night has no action {wanted!r} for this segment: its effect is not there. "
            f"It has {', '.join(there['action']) or 'none'}."
        )
    rule = rules[wanted]
    told = rule.file.holdout.model_copy(update={"share": found["holdout_share"].item()})
    return replace(rule, file=rule.file.model_copy(update={"holdout": told}))
