/*
about = "When which quantities are bought: order lines by hour, weekday and quantity, in the shop's time zone (shops.time_zone). Lines whose source tells the date alone have no row."
grain = ["shop_id", "order_weekday", "order_hour", "quantity"]
materialized = "table"
[[checks]]
check = "sums_match"
table = "marts.order_lines"
where_there = "order_hour is not null"
sums = ["lines = count(*)", "units = net_quantity", "revenue"]
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
    where order_hour is not null
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
