/*
about = "What the events say about each product: its category and brand are those on most of its events that name one."
grain = ["shop_id", "product_id"]
materialized = "table"
[columns]
category_path = "Category on most of the product's events that name one (ties: first in the alphabet); null where none does"
category_level_1 = "First level of category_path, or 'unknown'"
category_level_2 = "Second level; null where there is none"
category_level_3 = "Third level; null where there is none"
category_level_4 = "Fourth level; null where there is none"
brand = "Brand on most of the product's events that name one (ties: first in the alphabet), or 'unknown'"
category_variants = "How many different categories its events name"
brand_variants = "How many different brands its events name"
first_event_at = "Instant of its first event (UTC instant)"
last_event_at = "Instant of its last event (UTC instant)"
[[measures]]
names = ["events"]
rows = "whole"
where_there = "product_id is not null"
*/
with variants as (
    select
        shop_id,
        product_id,
        category_path,
        brand,
        count(*) as events,
        min(event_at) as first_event_at,
        max(event_at) as last_event_at
    from staging.events
    where product_id is not null
    group by shop_id, product_id, category_path, brand
),

counted as (
    select
        *,
        sum(events) over (partition by shop_id, product_id, category_path) as category_events,
        sum(events) over (partition by shop_id, product_id, brand) as brand_events
    from variants
),

placed as (
    select
        *,
        row_number() over (
            partition by shop_id, product_id
            order by
                case when category_path is null then 1 else 0 end asc,
                category_events desc,
                category_path asc
        ) as category_place,
        row_number() over (
            partition by shop_id, product_id
            order by
                case when brand is null then 1 else 0 end asc,
                brand_events desc,
                brand asc
        ) as brand_place
    from counted
),

products as (
    select
        shop_id,
        product_id,
        max(case when category_place = 1 then category_path end) as category_path,
        coalesce(max(case when brand_place = 1 then brand end), 'unknown') as brand,
        cast(sum(events) as bigint) as events,
        count(distinct category_path) as category_variants,
        count(distinct brand) as brand_variants,
        min(first_event_at) as first_event_at,
        max(last_event_at) as last_event_at
    from placed
    group by shop_id, product_id
)

select
    shop_id,
    product_id,
    category_path,
    coalesce(nullif(split_part(category_path, '.', 1), ''), 'unknown') as category_level_1,
    nullif(split_part(category_path, '.', 2), '') as category_level_2,
    nullif(split_part(category_path, '.', 3), '') as category_level_3,
    nullif(split_part(category_path, '.', 4), '') as category_level_4,
    brand,
    events,
    category_variants,
    brand_variants,
    first_event_at,
    last_event_at
from products
