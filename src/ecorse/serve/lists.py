"""Lists of products out of a mart, page by page.

What belongs here: what every list of products shares: filters, cursors, what stands in. What does
not: any one list (``routes``).
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Any

from ecorse.serve.forms import (
    BY_RANK,
    Answer,
    Listed,
    OtherList,
    Product,
    after,
    build_of,
    cut,
)
from ecorse.serve.reader import Night

# of the products r of a select: those that no rule of the shop takes out of a kind of list
ALLOWED = """
not exists (
    select from marts.ruled_products as rule
    where rule.shop_id = r.shop_id and rule.list = '{}' and rule.product_id = r.product_id
        and not rule.is_allowed
)
"""


def list_query(
    mart: str, columns: str, equal: str, key: str = "product_id", ruled: str = ""
) -> str:
    """The select of one page of a list that stands in a mart ``l``.

    Parameters
    ----------
    columns
        The list's own: ``method, score, source, reason, evidence``.
    equal
        Columns of the mart that a request names, in the order of its parameters.
    key
        The mart's column with the product that is listed.
    ruled
        The kind of list whose rules are kept to; for marts that do not keep to them.

    Returns
    -------
    str
        Parameters: those of ``equal``, the rank before the first, category twice, price band
        twice, products to leave out, how many.
    """
    tests = " and ".join(f"l.{column} = %s" for column in equal.split(", "))
    if ruled:
        tests += f" and {ALLOWED.format(ruled)}"
    return f"""
    select
        l.rank, r.product_id, r.product_name, r.category, r.price_band,
        cast(p.typical_price as double precision) as price, {columns}
    from marts.{mart} as l
    inner join marts.recommendable_products as r
        on l.shop_id = r.shop_id and l.{key} = r.product_id
    left join marts.products as p on r.shop_id = p.shop_id and r.product_id = p.product_id
    where
        {tests} and l.rank > %s
        and (%s::text is null or r.category = %s)
        and (%s::text is null or r.price_band = %s)
        and r.product_id <> all(%s)
    order by l.rank
    limit %s
    """


POPULAR = """
    null as method, cast(l.baskets as double precision) as score, 'popular' as source,
    'A best seller: in ' || l.baskets
    || case when l.source = 'events' then ' visits' else ' orders' end
    || case l.scope
        when 'all' then '' when 'lately' then ' of the last 28 days'
        when 'month' then ' of month ' || l.scope_value else ' of ' || l.scope_value
    end as reason,
    json_build_object('baskets', l.baskets, 'scope', l.scope, 'scope_value', l.scope_value)
    as evidence
    """


async def page_of(
    night: Night,
    shop: str,
    name: str,
    query: str,
    parameters: Sequence[Any],
    asked: Listed,
    *,
    exclude: Sequence[str] = (),
    fallback: str | None = None,
) -> Answer:
    """One page of a ``list_query``; ``parameters`` are those of what it has ``equal``."""
    filters = (asked.category, asked.category, asked.price_band, asked.price_band)
    left_out = [*asked.exclude, *exclude]
    of = (name, query, *parameters, *filters, left_out)
    last = after(night, asked, of, BY_RANK) or 0
    rows = await night.rows(query, (*parameters, last, *filters, left_out, asked.n + 1))
    kept, following = cut(night, rows, asked.n, of, lambda row: row["rank"])
    return Answer(
        build=build_of(night),
        shop=shop,
        list=name,
        method=kept[0]["method"] if kept else None,
        fallback=fallback,
        items=[Product(**row) for row in kept],
        next=following,
    )


async def unless_empty(page: Awaitable[Answer]) -> Answer | None:
    """A page; ``None`` where it is empty, or its cursor is of what stands in for it."""
    try:
        found = await page
    except OtherList:
        return None
    return found if found.items else None


async def best_sellers(
    night: Night,
    shop: str,
    name: str,
    asked: Listed,
    *,
    scope: str = "lately",
    value: str = "",
    category: str | None = None,
    exclude: Sequence[str] = (),
    ruled: str = "popular",
) -> Answer:
    """Best sellers: of the category, if it has any; else of the scope.

    Parameters
    ----------
    ruled
        The kind of list that they stand in for: what its rules take out, they do not name.
    """
    fallback = None if name == "popular" else "popular"
    columns = "shop_id, scope, scope_value"
    query = list_query("popular_recommendations", POPULAR, columns, ruled=ruled)
    if category is not None:
        of_category = page_of(night, shop, name, query, (shop, "category", category), asked,
                              exclude=exclude, fallback="popular in category")  # fmt: skip
        if found := await unless_empty(of_category):
            return found
    return await page_of(night, shop, name, query, (shop, scope, value), asked,
                         exclude=exclude, fallback=fallback)  # fmt: skip
