"""The night itself: which build, which shops, which models."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from ecorse.serve.access import needs
from ecorse.serve.forms import ShopQuery, Tagged, build_of

router = APIRouter(prefix="/v1", tags=["night"], dependencies=[needs("read")])

SHOPS = """
select
    shop_id, shop_name, time_zone, currency, orders, first_order_date, last_order_date,
    is_simulated
from marts.shops order by shop_id
"""
MODELS = """
select list, method, metric, value, reason from marts.served_model where shop_id = %s order by list
"""
STATUS = """
select model, task, method, outcome, is_of_this_night, reason from marts.model_status
where shop_id = %s order by model
"""


@router.get("/build")
async def build(night: Tagged) -> dict[str, Any]:
    """Which night is published."""
    return night.build


@router.get("/shops")
async def shops(night: Tagged) -> dict[str, Any]:
    """The shops of the night that have orders."""
    return {"build": build_of(night), "items": await night.rows(SHOPS)}


@router.get("/models")
async def models(night: Tagged, asked: ShopQuery) -> dict[str, Any]:
    """Which method serves each list, and what became of each model tonight."""
    shop = await night.shop(asked.shop)
    return {
        "build": build_of(night),
        "shop": shop,
        "served": await night.rows(MODELS, (shop,)),
        "models": await night.rows(STATUS, (shop,)),
    }
