/*
about = "Orders, revenue and events by platform (web, app ...); what names none is 'unknown' and keeps its share."
grain = ["shop_id", "platform"]
materialized = "table"
[columns]
platform = "Platform as the source writes it, or 'unknown'"
revenue = "Null in shops without orders: nothing tells what was earned"
order_share = "Share of the shop's orders, 0 to 1; null in shops without orders"
event_share = "Share of the shop's events, 0 to 1; null in shops without events"
[[measures]]
names = ["orders", "revenue", "events"]
rows = "whole"
*/
with orders as (
    select
        shop_id,
        coalesce(platform, 'unknown') as platform,
        sum(case when is_purchase then 1 else 0 end) as orders,
        count(*) as orders_placed,
        sum(revenue) as revenue
    from marts.orders
    group by shop_id, coalesce(platform, 'unknown')
),

events as (
    select
        shop_id,
        coalesce(platform, 'unknown') as platform,
        count(*) as events
    from marts.events
    group by shop_id, coalesce(platform, 'unknown')
),

platforms as (
    select
        coalesce(orders.shop_id, events.shop_id) as shop_id,
        coalesce(orders.platform, events.platform) as platform,
        cast(coalesce(orders.orders, 0) as bigint) as orders,
        coalesce(orders.orders_placed, 0) as orders_placed,
        coalesce(orders.revenue, 0) as revenue,
        coalesce(events.events, 0) as events
    from orders
    full join events
        on
            orders.shop_id = events.shop_id
            and orders.platform = events.platform
)

select
    shop_id,
    platform,
    orders,
    cast(
        cast(orders as numeric(38, 12)) / nullif(sum(orders) over (partition by shop_id), 0)
        as double precision
    ) as order_share,
    cast(
        case when sum(orders_placed) over (partition by shop_id) > 0 then revenue end
        as numeric(28, 4)
    ) as revenue,
    events,
    cast(
        cast(events as numeric(38, 12)) / nullif(sum(events) over (partition by shop_id), 0)
        as double precision
    ) as event_share
from platforms
