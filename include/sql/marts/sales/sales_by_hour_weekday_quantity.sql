/*
about = "When which quantities are bought: product lines by hour, weekday and quantity, in the shop's time zone (shops.time_zone). Lines whose source tells the date alone have no row."
grain = ["shop_id", "order_weekday", "order_hour", "quantity"]
materialized = "table"
[[measures]]
names = ["lines", "units", "revenue"]
rows = "whole"
where_there = "line_kind = 'product' and order_hour is not null"
*/
with order_lines as (
    select
        shop_id,
        order_weekday,
        order_hour,
        daypart,
        quantity,
        net_quantity,
        revenue
    from marts.order_lines
    where line_kind = 'product' and order_hour is not null
)

select
    shop_id,
    order_weekday,
    order_hour,
    daypart,
    quantity,
    count(*) as lines,
    cast(sum(net_quantity) as bigint) as units,
    cast(sum(revenue) as numeric(28, 4)) as revenue
from order_lines
group by shop_id, order_weekday, order_hour, daypart, quantity
