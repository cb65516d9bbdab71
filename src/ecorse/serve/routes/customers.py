"""Customers: their lists and their segments. Needs the scope customers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from pydantic import Field

from ecorse.serve.access import needs
from ecorse.serve.forms import Answer, Listed, ShopQuery, Tagged, build_of
from ecorse.serve.lists import best_sellers, list_query, page_of, unless_empty
from ecorse.serve.problems import not_found
from ecorse.serve.reader import Night

router = APIRouter(prefix="/v1/customers", tags=["customers"], dependencies=[needs("customers")])
CustomerId = Annotated[str, Path(max_length=500, description="The customer's id in the shop.")]
List = Literal["for_you", "explore", "buy_again"]

LISTS = list_query(
    "recommendations_served",
    "l.method, l.score, l.source, l.reason, l.evidence",
    "shop_id, customer_id, list",
)
KNOWN = """
select true as is_known
where
    exists (select from marts.customers where shop_id = %s and customer_id = %s)
    or exists (select from marts.basket_products where shop_id = %s and customer_id = %s)
    or exists (select from marts.customer_segments where shop_id = %s and customer_id = %s)
"""
HAD = """
select distinct product_id from marts.basket_products where shop_id = %s and customer_id = %s
"""
SEGMENTS = """
select
    segmentation, segment_id, segment_name, previous_segment_id, previous_segment_name, since_date
from marts.customer_segments where shop_id = %s and customer_id = %s order by segmentation
"""


class OfCustomer(Listed):
    """Which list of a customer."""

    list: List = Field("for_you", description="explore: never had before; buy_again: when due.")


async def _check(night: Night, shop: str, customer: str) -> None:
    if not await night.rows(KNOWN, (shop, customer) * 3):
        raise not_found("customer", customer)


@router.get("/{customer_id:path}/recommendations", response_model=Answer)
async def recommendations(
    night: Tagged, customer_id: CustomerId, asked: Annotated[OfCustomer, Query()]
) -> Answer:
    """A customer's list of the night; best sellers of late where there is none, in explore without
    what the customer had."""
    shop = await night.shop(asked.shop)
    await _check(night, shop, customer_id)
    own = (shop, customer_id, asked.list)
    page = page_of(night, shop, asked.list, LISTS, own, asked)
    if asked.list == "buy_again":
        return await page
    if found := await unless_empty(page):
        return found
    had = await night.rows(HAD, (shop, customer_id)) if asked.list == "explore" else []
    return await best_sellers(night, shop, asked.list, asked, ruled=asked.list,
                              exclude=[row["product_id"] for row in had])  # fmt: skip


@router.get("/{customer_id:path}/segments")
async def segments(night: Tagged, customer_id: CustomerId, asked: ShopQuery) -> dict[str, Any]:
    """The segments that a customer is in, and since when."""
    shop = await night.shop(asked.shop)
    await _check(night, shop, customer_id)
    rows = await night.rows(SEGMENTS, (shop, customer_id))
    return {"build": build_of(night), "shop": shop, "customer_id": customer_id, "items": rows}
