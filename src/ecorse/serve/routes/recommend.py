"""Recommendations for a basket, a session, words or somebody new; nothing is trained."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field, model_validator

from ecorse.serve.access import Caller, needs
from ecorse.serve.asking import Asking, replaced
from ecorse.serve.forms import (
    Answer,
    Name,
    OfShop,
    Product,
    Strict,
    Tagged,
    build_of,
    tag,
)
from ecorse.serve.lists import ALLOWED
from ecorse.serve.problems import Problem
from ecorse.serve.reader import Reader

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


PRICES = """
select r.product_id, r.price_band, cast(p.typical_price as double precision) as price
from marts.recommendable_products as r
left join marts.products as p on r.shop_id = p.shop_id and r.product_id = p.product_id
where r.shop_id = %s and r.product_id = any(%s)
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

    @property
    def way(self) -> str:
        """What the list is called: the customer's list, or what was asked with."""
        if self.customer is not None:
            return self.list
        return next(way for way in ("basket", "session", "search") if getattr(self, way))


class Search(OfShop):
    """Words."""

    q: str = Field(min_length=1, max_length=500, description="What is searched for.")
    n: int = Field(10, ge=1, le=100)


@router.post("/recommendations", response_model=Answer)
async def recommendations(
    request: Request, asked: Asked, caller: Annotated[Caller, needs("read")]
) -> Answer:
    """Recommend for what somebody does now."""
    if asked.customer is not None and "customers" not in caller.scopes:
        raise Problem(403, f"Key {caller.name!r} has not the scope customers.")
    wanted = {
        "products": asked.basket, "session": asked.session, "query": asked.search,
        "customer": asked.customer, "list": asked.list, "n": asked.n, "category": asked.category,
        "month": asked.month, "daypart": asked.daypart,
        **({} if asked.method is None else {"method": asked.method}),
    }  # fmt: skip
    return await _answered(request, asked.shop, asked.way, wanted)


@router.get("/search", response_model=Answer, dependencies=[needs("read")])
async def search(request: Request, response: Response, asked: Annotated[Search, Query()]) -> Answer:
    """Products that match the words, the best first."""
    wanted = {"query": [asked.q], "n": asked.n}
    found = await _answered(request, asked.shop, "search", wanted)
    tag(response, found.build.build_id)
    return found


@router.get("/suggest", dependencies=[needs("read")])
async def suggest(night: Tagged, asked: Annotated[Search, Query()]) -> dict[str, Any]:
    """Products whose name has the letters, as somebody types: beginnings first, then sellers."""
    shop = await night.shop(asked.shop)
    rows = await night.rows(SUGGEST, (shop, asked.q, asked.q, asked.n))
    return {"build": build_of(night), "shop": shop, "items": rows}


async def _answered(
    request: Request, shop: str | None, name: str, wanted: dict[str, Any]
) -> Answer:
    """The answer in the form of every list, with the prices of the night.

    No connection is held while others' questions are answered first.

    Raises
    ------
    Problem
        503: another night was published meanwhile.
    """
    reader: Reader = request.app.state.reader
    asking: Asking = request.app.state.asking
    async with reader.night() as night:
        build_id, shop = night.build["build_id"], await night.shop(shop)
    request.state.build_id = build_id
    found = await asking.answer(build_id, shop, **wanted)
    rows = found.frame.to_dicts()
    ids = [row["product_id"] for row in rows]
    async with reader.night() as night:
        if night.build["build_id"] != build_id:
            raise replaced(build_id)
        prices = {row["product_id"]: row for row in await night.rows(PRICES, (shop, ids))}
        build = build_of(night)
    return Answer(
        build=build,
        shop=shop,
        list=name,
        method=wanted.get("method"),
        items=[Product(**{**prices[row["product_id"]], **row}) for row in rows],
        said=list(found.said),
    )
