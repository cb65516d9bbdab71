"""Every claim of ``marts.segment_traits``, counted again in SQL.

What belongs here: what a feature means in SQL, the count, what differs. What does not: the shops
whose claims are counted (``tests/segments``).
"""

from __future__ import annotations

from typing import Any

LINES = """
select l.*, o.customer_id as buyer from marts.order_lines as l
inner join marts.orders as o using (shop_id, order_id)
where l.status = 'sold' and l.line_kind = 'product' and o.is_purchase
"""
CUSTOMERS = "select customer_id as id, {} as x from marts.customers where purchases > 0"
BY_CUSTOMER = {
    "revenue": CUSTOMERS.format("greatest(revenue, 1)"),
    "purchases": CUSTOMERS.format("purchases"),
    "days away": CUSTOMERS.format("days_since_purchase"),
    "basket": CUSTOMERS.format("greatest(units, 1)::float8 / purchases"),
    "price": f"select buyer as id, sum(unit_price * quantity) / sum(quantity) as x "
    f"from ({LINES}) as l where buyer is not null group by 1",
    "breadth": f"select buyer as id, count(distinct product_id) as x from ({LINES}) as l "
    "where buyer is not null group by 1",
    "returns": """
    select o.customer_id as id, least(
        sum(case when l.status <> 'sold' then abs(l.quantity) else 0 end)::float8
        / sum(case when l.status = 'sold' then abs(l.quantity) else 0 end), 1) as x
    from marts.order_lines as l inner join marts.orders as o using (shop_id, order_id)
    where l.line_kind = 'product' group by 1
    """,
}
BY_DAY = {
    "purchases": "select customer_id as id, count(distinct order_date) as x from marts.orders "
    "where is_purchase and customer_id is not null group by 1"
}
BY_ORDER = {
    "price": f"select order_id as id, sum(unit_price * quantity) / sum(quantity) as x "
    f"from ({LINES}) as l group by 1",
    "quantity": f"select order_id as id, sum(quantity) as x from ({LINES}) as l group by 1",
}
CLOCK = {
    "hour": ("extract(hour from clock_local)", 24),
    "weekday": ("extract(isodow from ordered_local)", 7),
    "month": ("extract(month from ordered_local)", 12),
    "season": ("extract(month from ordered_local)", 12),
}
VALUE = {  # column, and what its shares are of
    "category": ("category", "quantity"),
    "brand": ("brand", "quantity"),
    "channel": ("platform", "1"),
    "country": ("country", "1"),
    "city": ("city", "1"),
}


def has_sql(claim: dict[str, Any], segmentation: str, is_order: bool) -> tuple[str, list[Any]]:
    """A select of the ids of which a claim is true, and its parameters."""
    owner, feature = ("order_id" if is_order else "buyer"), claim["feature"]
    if claim["test"] == "number":
        numbers = BY_ORDER if is_order else BY_CUSTOMER
        if segmentation == "lifecycle":
            numbers = numbers | BY_DAY
        where, values = ["true"], []
        for end, sign in (("threshold_low", ">="), ("threshold_high", "<")):
            if claim[end] is not None:
                # sums of numeric are exact; a float8 becomes the numeric that it is written as
                where.append(f"x::numeric {sign} %s::numeric")
                values.append(str(claim[end]))
        return f"select id from ({numbers[feature]}) as n where " + " and ".join(where), values
    if claim["test"] == "value":
        column, weight = VALUE[feature]
        return (
            f"select {owner} as id from ({LINES}) as l group by 1 "
            f"having sum(case when {column} = %s then {weight} else 0 end) >= 0.5 * sum({weight})",
            [claim["value_text"]],
        )
    place, period = CLOCK[feature]
    low, high = claim["threshold_low"], claim["threshold_high"]
    inside = f"mod(({place} - %s + {period})::int, {period}) < %s"
    size = (high - low) % period or period
    timed = place.split("from ")[1].rstrip(")")
    return (
        f"select {owner} as id from ({LINES}) as l where {timed} is not null group by 1 "
        f"having 2 * sum(case when {inside} then 1 else 0 end) > count(*)",
        [low, size],
    )


def claims_that_differ(conn: Any, segmentation: str, naming=(0.6, 0.4)) -> tuple[int, list[str]]:
    """How many claims of a segmentation there are, and those that SQL counts otherwise."""
    is_order = bool(
        conn.execute(
            "select 1 from marts.order_segments where segmentation = %s limit 1", [segmentation]
        ).fetchone()
    )
    table, own = (
        ("order_segments", "order_id") if is_order else ("customer_segments", "customer_id")
    )
    names = ("segment_id", "feature", "claim", "test", "threshold_low", "threshold_high",
             "value_text", "inside_share", "outside_share")  # fmt: skip
    rows = conn.execute(
        f"select {', '.join(names)} from marts.segment_traits "
        "where segmentation = %s and claim is not null",
        [segmentation],
    ).fetchall()
    wrong = []
    for row in rows:
        claim = dict(zip(names, row, strict=True))
        select, values = has_sql(claim, segmentation, is_order)
        inside, outside = conn.execute(
            f"with has as ({select}) select "
            "avg(case when h.id is null then 0.0 else 1.0 end) filter (where s.segment_id = %s), "
            "avg(case when h.id is null then 0.0 else 1.0 end) filter (where s.segment_id <> %s) "
            f"from marts.{table} as s left join has as h on h.id = s.{own} "
            "where s.segmentation = %s",
            [*values, claim["segment_id"], claim["segment_id"], segmentation],
        ).fetchone()
        told = (claim["inside_share"], claim["outside_share"])
        if abs(float(inside) - told[0]) > 1e-9 or abs(float(outside) - told[1]) > 1e-9:
            wrong.append(f"{claim}: SQL counts {inside} and {outside}")
        if told[0] < naming[0] or told[1] > naming[1]:
            wrong.append(f"{claim} is claimed and not true of most")
    return len(rows), wrong
