/*
about = "One row per behaviour event (view, cart, purchase, search, rating ...), with the shop's wall clock and the levels of its category."
grain = ["shop_id", "event_at", "event_type"]
is_unique = false
materialized = "view"
work_table = true
[columns]
event_local = "Time of the event on the shop's wall clock, without zone"
category_level_1 = "First level of category_path; 'unknown' where the event names no category"
category_level_2 = "Second level of category_path; null where there is none"
category_level_3 = "Third level of category_path; null where there is none"
category_level_4 = "Fourth level of category_path; null where there is none"
price = "Price of one piece that the event states, in the shop's currency"
quantity = "Pieces that the event states; null where it states none"
[[checks]]
check = "sums_match"
table = "staging.events"
sums = ["count(*)", "price"]
*/
with events as (
    select
        shop_id,
        event_at,
        event_type,
        product_id,
        customer_id,
        session_id,
        price,
        quantity,
        rating,
        query,
        platform,
        country,
        category_id,
        category_path,
        brand,
        is_date_only,
        is_simulated
    from staging.events
),

shops as (
    select
        shop_id,
        time_zone
    from ops.shop
),

placed as (
    select
        events.*,
        events.event_at at time zone shops.time_zone as event_local
    from events
    inner join shops on events.shop_id = shops.shop_id
)

select
    shop_id,
    event_at,
    event_local,
    cast(event_local as date) as event_date,
    cast(date_trunc('month', event_local) as date) as event_month_date,
    case
        when is_date_only is null then cast(extract(hour from event_local) as integer)
    end as event_hour,
    cast(extract(isodow from event_local) as integer) as event_weekday,
    event_type,
    product_id,
    customer_id,
    session_id,
    price,
    quantity,
    rating,
    query,
    platform,
    country,
    category_id,
    category_path,
    coalesce(nullif(split_part(category_path, '.', 1), ''), 'unknown') as category_level_1,
    nullif(split_part(category_path, '.', 2), '') as category_level_2,
    nullif(split_part(category_path, '.', 3), '') as category_level_3,
    nullif(split_part(category_path, '.', 4), '') as category_level_4,
    brand,
    is_simulated
from placed
