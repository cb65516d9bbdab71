"""Segments: which there are, who is in them, what to do and to show."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path

from ecorse.serve.access import needs
from ecorse.serve.forms import (
    BY_ID,
    Answer,
    ListQuery,
    PageQuery,
    ShopQuery,
    Tagged,
    after,
    build_of,
    cut,
)
from ecorse.serve.lists import list_query, page_of
from ecorse.serve.problems import not_found
from ecorse.serve.reader import Night, Row

router = APIRouter(prefix="/v1/segments", tags=["segments"])
Segmentation = Annotated[str, Path(max_length=200, description="For example rfm.")]
SegmentId = Annotated[int, Path(ge=0, le=2**31 - 1, description="The segment's number.")]

SEGMENTS = """
select segment_id, segment_name, meaning, members, share, is_small, finding from marts.segments
where shop_id = %s and segmentation = %s order by segment_id
"""
SEGMENTATIONS = "select distinct segmentation from marts.segments where shop_id = %s order by 1"
CUSTOMERS = """
select customer_id, since_date, previous_segment_name from marts.customer_segments
where shop_id = %s and segmentation = %s and segment_id = %s and customer_id > %s
order by customer_id limit %s
"""
ACTIONS = """
select
    action, what_to_do, members, addressed, effect_size, effect_low, effect_high, effect_measure,
    expected_value, expires_on, evidence
from marts.segment_actions
where shop_id = %s and segmentation = %s and segment_id = %s order by action_rank
"""
RECOMMENDATIONS = list_query(
    "segment_recommendations",
    """
    null as method, l.bought_share as score, 'segment' as source,
    'Bought by ' || l.bought_by || ' of the ' || l.members || ' customers of ' || l.segment_name
    as reason,
    json_build_object('bought_by', l.bought_by, 'members', l.members, 'lift', l.lift) as evidence
    """,
    "shop_id, segmentation, segment_id",
)


async def _segments(night: Night, shop: str, segmentation: str) -> list[Row]:
    rows = await night.rows(SEGMENTS, (shop, segmentation))
    if not rows:
        known = await night.rows(SEGMENTATIONS, (shop,))
        raise not_found("segmentation", segmentation, [row["segmentation"] for row in known])
    return rows


async def _segment(night: Night, shop: str, segmentation: str, segment_id: int) -> Row:
    rows = await _segments(night, shop, segmentation)
    for row in rows:
        if row["segment_id"] == segment_id:
            return row
    known = [f"{row['segment_id']} ({row['segment_name']})" for row in rows]
    raise not_found(f"segment of {segmentation}", str(segment_id), known)


@router.get("/{segmentation}", dependencies=[needs("read")])
async def segments(night: Tagged, segmentation: Segmentation, asked: ShopQuery) -> dict[str, Any]:
    """The segments of a segmentation: what each means, and how large it is."""
    shop = await night.shop(asked.shop)
    rows = await _segments(night, shop, segmentation)
    return {"build": build_of(night), "shop": shop, "segmentation": segmentation, "items": rows}


@router.get("/{segmentation}/{segment_id}/customers", dependencies=[needs("customers")])
async def customers(
    night: Tagged, segmentation: Segmentation, segment_id: SegmentId, asked: PageQuery
) -> dict[str, Any]:
    """Who is in a segment, by id."""
    shop = await night.shop(asked.shop)
    segment = await _segment(night, shop, segmentation, segment_id)
    of = (shop, segmentation, segment_id)
    last = after(night, asked, of, BY_ID) or ""
    rows = await night.rows(CUSTOMERS, (*of, last, asked.n + 1))
    kept, following = cut(night, rows, asked.n, of, lambda row: row["customer_id"])
    return {"build": build_of(night), "shop": shop, "segment": segment, "items": kept,
            "next": following}  # fmt: skip


@router.get(
    "/{segmentation}/{segment_id}/recommendations",
    response_model=Answer,
    dependencies=[needs("read")],
)
async def recommendations(
    night: Tagged, segmentation: Segmentation, segment_id: SegmentId, asked: ListQuery
) -> Answer:
    """What most customers of a segment bought."""
    shop = await night.shop(asked.shop)
    await _segment(night, shop, segmentation, segment_id)
    own = (shop, segmentation, segment_id)
    return await page_of(night, shop, "segment", RECOMMENDATIONS, own, asked)


@router.get("/{segmentation}/{segment_id}/actions", dependencies=[needs("read")])
async def actions(
    night: Tagged, segmentation: Segmentation, segment_id: SegmentId, asked: ShopQuery
) -> dict[str, Any]:
    """What to do for a segment, most expected value first; empty if no effect holds."""
    shop = await night.shop(asked.shop)
    segment = await _segment(night, shop, segmentation, segment_id)
    rows = await night.rows(ACTIONS, (shop, segmentation, segment_id))
    return {"build": build_of(night), "shop": shop, "segment": segment, "items": rows}
