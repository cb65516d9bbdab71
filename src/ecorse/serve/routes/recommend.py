"""Recommendations for a basket, a session, words or somebody new; nothing is trained."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import Field, model_validator

from ecorse.serve.access import Caller, needs
from ecorse.serve.asking import Asking, items_of
from ecorse.serve.forms import Name, OfShop, OneNight, Strict, Tagged, build_of
from ecorse.serve.lists import ALLOWED
from ecorse.serve.problems import Problem
from ecorse.serve.reader import Night

router = APIRouter(prefix="/v1", tags=["recommendations"])
Names = list[Name]
Daypart = Literal["Night", "Morning", "Midday", "Afternoon", "Evening"]

SUGGEST = f"""
select product_id, product_name, category from marts.recommendable_products as r
where
    shop_id = %s and position(lower(%s) in lower(product_name)) > 0 and {ALLOWED.format("query")}
order by position(lower(%s) in lower(product_name)) > 1, baskets desc, product_id
limit %s
"""


class Asked(Strict):
    """One of basket, session, search, customer; search may stand beside a customer."""

    shop: Name | None = None
    basket: Names = Field([], max_length=100, description="Product ids, or names.")
    session: Names = Field([], max_length=100, description="Products seen, the latest last.")
    search: Names = Field([], max_length=20, description="What was searched, the latest last.")
    customer: Name | None = Field(None, description="Needs the scope customers.")
    list: Literal["for_you", "explore", "buy_again"] = "for_you"
    method: Name | None = Field(None, description="A saved model by name; else the served one.")
    category: Name | None = None
    month: int | None = Field(None, ge=1, le=12)
    daypart: Daypart | None = None
    n: int = Field(10, ge=1, le=100)

    @model_validator(mode="after")
    def _one(self) -> Asked:
        given = [
            name for name in ("basket", "session", "search", "customer") if getattr(self, name)
        ]
        if not given:
            raise ValueError("Give one of basket, session, search, customer.")
        if len(given) > 1 and given != ["search", "customer"]:
            raise ValueError(f"{' and '.join(given)} cannot be asked at once.")
        return self


class Search(OfShop):
    """Words."""

    q: str = Field(min_length=1, max_length=500, description="What is searched for.")
    n: int = Field(10, ge=1, le=100)


@router.post("/recommendations")
async def recommendations(
    request: Request, night: OneNight, asked: Asked, caller: Annotated[Caller, needs("read")]
) -> dict[str, Any]:
    """Recommend for what somebody does now."""
    if asked.customer is not None and "customers" not in caller.scopes:
        raise Problem(403, f"Key {caller.name!r} has not the scope customers.")
    wanted = {
        "products": asked.basket, "session": asked.session, "query": asked.search,
        "customer": asked.customer, "list": asked.list, "n": asked.n, "category": asked.category,
        "month": asked.month, "daypart": asked.daypart,
        **({} if asked.method is None else {"method": asked.method}),
    }  # fmt: skip
    return await _answered(request, night, asked.shop, wanted)


@router.get("/search", dependencies=[needs("read")])
async def search(
    request: Request, night: Tagged, asked: Annotated[Search, Query()]
) -> dict[str, Any]:
    """Products that match the words, the best first."""
    return await _answered(request, night, asked.shop, {"query": [asked.q], "n": asked.n})


@router.get("/suggest", dependencies=[needs("read")])
async def suggest(night: Tagged, asked: Annotated[Search, Query()]) -> dict[str, Any]:
    """Products whose name has the letters, as somebody types: beginnings first, then sellers."""
    shop = await night.shop(asked.shop)
    rows = await night.rows(SUGGEST, (shop, asked.q, asked.q, asked.n))
    return {"build": build_of(night), "shop": shop, "items": rows}


async def _answered(
    request: Request, night: Night, shop: str | None, wanted: dict[str, Any]
) -> dict[str, Any]:
    asking: Asking = request.app.state.asking
    shop = await night.shop(shop)
    found = await asking.answer(night.build["build_id"], shop, **wanted)
    return {"build": build_of(night), "shop": shop, "items": items_of(found.frame),
            "said": list(found.said)}  # fmt: skip
