"""Products: what is known of one, what is like it, what is bought with it; best sellers, trends."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from pydantic import Field

from ecorse.serve.access import needs
from ecorse.serve.forms import (
    BY_RANK,
    Answer,
    Listed,
    ListQuery,
    Page,
    ShopQuery,
    Tagged,
    after,
    build_of,
    cut,
)
from ecorse.serve.lists import ALLOWED, best_sellers, list_query, page_of, unless_empty
from ecorse.serve.problems import not_found, wrong
from ecorse.serve.reader import Night, Row

router = APIRouter(prefix="/v1", tags=["products"], dependencies=[needs("read")])
ProductId = Annotated[str, Path(max_length=500, description="The product's id in the shop.")]
Scope = Literal["all", "lately", "category", "month", "daypart"]

PRODUCT = """
select
    r.product_id, r.product_name, r.category, c.brand, c.description, c.image_uri,
    cast(coalesce(p.typical_price, c.list_price) as double precision) as price, r.price_band,
    r.baskets, p.first_order_date, p.last_order_date
from marts.recommendable_products as r
left join marts.products as p on r.shop_id = p.shop_id and r.product_id = p.product_id
left join marts.catalogue as c on r.shop_id = c.shop_id and r.product_id = c.product_id
where r.shop_id = %s and r.product_id = %s
"""
SIMILAR = list_query(
    "item_similarity_served",
    """
    l.method, l.score, l.relation as source, l.evidence ->> 'sentence' as reason, l.evidence
    """,
    "shop_id, product_id",
    key="similar_product_id",
)
TOGETHER = list_query(
    "frequently_bought_together",
    """
    null as method, l.lift as score, 'bought together' as source,
    l.together_baskets || ' of the ' || l.product_baskets || ' baskets with it hold this too'
    as reason,
    json_build_object(
        'together_baskets', l.together_baskets, 'product_baskets', l.product_baskets,
        'support', l.support, 'confidence', l.confidence, 'lift', l.lift, 'is_small', l.is_small
    ) as evidence
    """,
    "shop_id, product_id",
    key="other_product_id",
    ruled="basket",
)
TRENDING = f"""
select
    product_id, product_name, category, direction, cast(units_rate as double precision) as
    units_rate, recent_orders, earlier_orders, change_ratio, trend_z, rate_rank
from marts.trending_products as r
where
    shop_id = %s and (%s::text is null or direction = %s) and (%s::text is null or category = %s)
    and rate_rank > %s and {ALLOWED.format("popular")}
order by rate_rank
limit %s
"""


class Popular(Listed):
    """Best sellers of what."""

    scope: Scope = Field("lately", description="Of the last 28 days, of all time, of one ...")
    value: str = Field("", max_length=500, description="Which category, month or daypart.")


class Trending(Page):
    """Which products on the move."""

    direction: Literal["rising", "falling", "steady", "new"] | None = None
    category: str | None = Field(None, max_length=500)


async def _product(night: Night, shop: str, product_id: str) -> Row:
    rows = await night.rows(PRODUCT, (shop, product_id))
    if not rows:
        raise not_found("product", product_id)
    return rows[0]


@router.get("/products/{product_id:path}/similar", response_model=Answer)
async def similar(night: Tagged, product_id: ProductId, asked: ListQuery) -> Answer:
    """The products nearest to a product; best sellers of its category where none is near."""
    shop = await night.shop(asked.shop)
    own = await _product(night, shop, product_id)
    page = page_of(night, shop, "item_similarity", SIMILAR, (shop, product_id), asked)
    if found := await unless_empty(page):
        return found
    return await best_sellers(night, shop, "item_similarity", asked, category=own["category"],
                              exclude=[product_id], ruled="basket")  # fmt: skip


@router.get("/products/{product_id:path}/bought-together", response_model=Answer)
async def together(night: Tagged, product_id: ProductId, asked: ListQuery) -> Answer:
    """What is bought in one order with a product, beyond chance first; empty if nothing is."""
    shop = await night.shop(asked.shop)
    await _product(night, shop, product_id)
    return await page_of(night, shop, "bought_together", TOGETHER, (shop, product_id), asked)


# behind those above: an id may have slashes
@router.get("/products/{product_id:path}")
async def product(night: Tagged, product_id: ProductId, asked: ShopQuery) -> dict[str, Any]:
    """What is known of a product."""
    shop = await night.shop(asked.shop)
    return {"build": build_of(night), "shop": shop, **await _product(night, shop, product_id)}


@router.get("/popular", response_model=Answer)
async def popular(night: Tagged, asked: Annotated[Popular, Query()]) -> Answer:
    """Best sellers."""
    shop = await night.shop(asked.shop)
    if (asked.scope in ("category", "month", "daypart")) != bool(asked.value):
        expected = f"which {asked.scope}" if not asked.value else f"none for scope={asked.scope}"
        raise wrong("query.value", asked.value, expected)
    return await best_sellers(night, shop, "popular", asked, scope=asked.scope, value=asked.value)


@router.get("/trending")
async def trending(night: Tagged, asked: Annotated[Trending, Query()]) -> dict[str, Any]:
    """Products by what they sell now, with how their orders changed."""
    shop = await night.shop(asked.shop)
    wanted = (shop, asked.direction, asked.direction, asked.category, asked.category)
    of = ("trending", *wanted)
    last = after(night, asked, of, BY_RANK) or 0
    rows = await night.rows(TRENDING, (*wanted, last, asked.n + 1))
    kept, following = cut(night, rows, asked.n, of, lambda row: row["rate_rank"])
    return {"build": build_of(night), "shop": shop, "items": kept, "next": following}
