/*
about = "Best sellers for whoever has no list: of the whole shop, of late, of each category, calendar month and part of the day. At most 20 products each. In a shop without purchases, what most visits were of."
grain = ["shop_id", "scope", "scope_value", "rank"]
materialized = "table"
[columns]
scope = "all; lately: the last 28 days of the shop's data; category; month: calendar month, 1 to 12, of all years; daypart"
scope_value = "Which category, month or part of the day; empty for all and lately"
rank = "1 = most orders; ties: most of the whole time, then product_id"
product_id = "The product"
product_name = "Its name"
category = "Its category; null where no source names one"
baskets = "Orders with the product (visits where source is events) in this scope"
source = "orders, or events in a shop without purchases"
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

ranked as (
    select
        counted.shop_id,
        counted.scope,
        counted.scope_value,
        counted.product_id,
        counted.baskets,
        products.product_name,
        products.category,
        products.source,
        row_number() over (
            partition by counted.shop_id, counted.scope, counted.scope_value
            order by counted.baskets desc, products.baskets desc, counted.product_id asc
        ) as place
    from counted
    inner join marts.recommendable_products as products
        on counted.shop_id = products.shop_id and counted.product_id = products.product_id
    where counted.baskets > 0
)

select
    shop_id,
    scope,
    scope_value,
    cast(place as integer) as rank,
    product_id,
    product_name,
    category,
    cast(baskets as bigint) as baskets,
    source
from ranked
where place <= 20
