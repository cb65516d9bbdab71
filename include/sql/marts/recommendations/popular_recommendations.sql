/*
about = "Best sellers for whoever has no list: of the whole shop, of late, of each category, calendar month and part of the day. At most 20 products each. In a shop without purchases, what most visits were of. Within the shop's rules for the list popular (ruled_products)."
grain = ["shop_id", "scope", "scope_value", "rank"]
materialized = "table"
[columns]
scope = "all; lately: the last 28 days of the shop's data; category; month: calendar month, 1 to 12, of all years; daypart"
scope_value = "Which category, month or part of the day; empty for all and lately"
rank = "1 = most orders, times the factor of a boost; ties: most of the whole time, then product_id"
product_id = "The product"
product_name = "Its name"
category = "Its category; null where no source names one"
baskets = "Orders with the product (visits where source is events) in this scope"
source = "orders, or events in a shop without purchases"
rule = "What a rule of the shop did to its place: boosted 1.5: category Cables, or pinned to place 1; null where none did"
[[checks]]
check = "no_gaps"
column = "rank"
by = ["shop_id", "scope", "scope_value"]
[[checks]]
check = "accepted_values"
column = "scope"
values = ["all", "lately", "category", "month", "daypart"]
[[checks]]
check = "unique"
columns = ["shop_id", "scope", "scope_value", "product_id"]
[[checks]]
check = "references"
table = "marts.recommendable_products"
on = ["shop_id", "product_id"]
*/
with times as (
    select
        shop_id,
        product_id,
        calendar_month,
        daypart,
        baskets
    from marts.product_times
),

last_baskets as (
    select
        shop_id,
        max(basket_local) as last_local
    from marts.basket_products
    group by shop_id
),

counted as (
    select
        shop_id,
        'all' as scope,
        '' as scope_value,
        product_id,
        baskets
    from marts.recommendable_products
    union all
    select
        shop_id,
        'category' as scope,
        category as scope_value,
        product_id,
        baskets
    from marts.recommendable_products
    where category is not null
    union all
    select
        shop_id,
        'month' as scope,
        cast(calendar_month as text) as scope_value,
        product_id,
        sum(baskets) as baskets
    from times
    group by shop_id, calendar_month, product_id
    union all
    select
        shop_id,
        'daypart' as scope,
        daypart as scope_value,
        product_id,
        sum(baskets) as baskets
    from times
    where daypart <> 'unknown'
    group by shop_id, daypart, product_id
    union all
    select
        baskets.shop_id,
        'lately' as scope,
        '' as scope_value,
        baskets.product_id,
        count(*) as baskets
    from marts.basket_products as baskets
    inner join last_baskets on baskets.shop_id = last_baskets.shop_id
    where baskets.basket_local > last_baskets.last_local - interval '28 days'
    group by baskets.shop_id, baskets.product_id
),

rules as (
    select
        shop_id,
        product_id,
        category,
        is_allowed,
        factor,
        case when pin_place <= 20 then pin_place end as pin_place,
        at_most,
        boosted
    from marts.ruled_products
    where list = 'popular'
),

scored as (
    select
        counted.shop_id,
        counted.scope,
        counted.scope_value,
        counted.product_id,
        counted.baskets,
        products.product_name,
        products.category,
        products.source,
        products.baskets as all_baskets,
        counted.baskets * coalesce(rules.factor, 1) as score,
        rules.pin_place,
        -- a list of one category has no cap of it
        case when counted.scope <> 'category' then rules.at_most end as at_most,
        rules.boosted as rule
    from counted
    inner join marts.recommendable_products as products
        on counted.shop_id = products.shop_id and counted.product_id = products.product_id
    left join rules
        on counted.shop_id = rules.shop_id and counted.product_id = rules.product_id
    where counted.baskets > 0 and coalesce(rules.is_allowed, true)
),

-- each pin in each list, and what was counted of it there; among the best sellers of a category
-- are only its own
pinned as (
    select
        lists.shop_id,
        lists.scope,
        lists.scope_value,
        rules.product_id,
        rules.pin_place,
        0 as baskets
    from (
        select distinct
            shop_id,
            scope,
            scope_value
        from scored
    ) as lists
    inner join rules on lists.shop_id = rules.shop_id
    where
        rules.pin_place is not null
        and (lists.scope <> 'category' or lists.scope_value = rules.category)
    union all
    select
        shop_id,
        scope,
        scope_value,
        product_id,
        pin_place,
        baskets
    from scored
    where pin_place is not null
),

pins as (
    select
        shop_id,
        scope,
        scope_value,
        product_id,
        pin_place,
        sum(baskets) as baskets,
        row_number() over (
            partition by shop_id, scope, scope_value order by pin_place asc
        ) as pin_number,
        count(*) over (partition by shop_id, scope, scope_value) as pins
    from pinned
    group by shop_id, scope, scope_value, product_id, pin_place
),

pins_of_category as (
    select
        shop_id,
        category,
        count(*) as pins
    from rules
    where pin_place is not null
    group by shop_id, category
),

capped as (
    select
        scored.*,
        scored.at_most - coalesce(pins.pins, 0) as room,
        row_number() over (
            partition by scored.shop_id, scored.scope, scored.scope_value, scored.category
            order by scored.score desc, scored.all_baskets desc, scored.product_id asc
        ) as place_of_category
    from scored
    left join pins_of_category as pins
        on scored.shop_id = pins.shop_id and scored.category = pins.category
    where scored.at_most is not null and scored.pin_place is null
),

others as (
    select
        shop_id,
        scope,
        scope_value,
        product_id,
        product_name,
        category,
        baskets,
        source,
        all_baskets,
        score,
        rule
    from scored
    where at_most is null and pin_place is null
    union all
    select
        shop_id,
        scope,
        scope_value,
        product_id,
        product_name,
        category,
        baskets,
        source,
        all_baskets,
        score,
        rule
    from capped
    where place_of_category <= room
),

ranked as (
    select
        shop_id,
        scope,
        scope_value,
        product_id,
        product_name,
        category,
        baskets,
        source,
        rule,
        row_number() over (
            partition by shop_id, scope, scope_value
            order by score desc, all_baskets desc, product_id asc
        ) as place
    from others
),

-- so many of the others stand before a pin as its place says, without the pins before it
listed as (
    select
        ranked.shop_id,
        ranked.scope,
        ranked.scope_value,
        ranked.product_id,
        ranked.product_name,
        ranked.category,
        ranked.baskets,
        ranked.source,
        ranked.rule,
        ranked.place,
        0 as pin_number
    from ranked
    left join pins
        on
            ranked.shop_id = pins.shop_id
            and ranked.scope = pins.scope
            and ranked.scope_value = pins.scope_value
            and pins.pin_number = 1
    where ranked.place <= 20 and ranked.place <= 20 - coalesce(pins.pins, 0)
    union all
    select
        pins.shop_id,
        pins.scope,
        pins.scope_value,
        pins.product_id,
        products.product_name,
        products.category,
        pins.baskets,
        products.source,
        'pinned to place ' || cast(pins.pin_place as text) as rule,
        pins.pin_place - pins.pin_number as place,
        pins.pin_number
    from pins
    inner join marts.recommendable_products as products
        on pins.shop_id = products.shop_id and pins.product_id = products.product_id
)

select
    shop_id,
    scope,
    scope_value,
    cast(row_number() over (
        partition by shop_id, scope, scope_value order by place asc, pin_number asc
    ) as integer) as rank,
    product_id,
    product_name,
    category,
    cast(baskets as bigint) as baskets,
    source,
    rule
from listed
