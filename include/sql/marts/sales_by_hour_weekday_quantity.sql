/*
about = "When which quantities are bought: order lines by hour, weekday and quantity, in the shop's time zone (shops.time_zone)."
grain = ["shop_id", "order_weekday", "order_hour", "quantity"]
materialized = "table"
[[checks]]
name = "cells_match_lines"
level = "fail"
sentence = "Lines, units or revenue over all cells differ from the order lines"
sql = '''
select l.shop_id, l.lines, c.lines as mart_lines, l.revenue, c.revenue as mart_revenue
from (
    select shop_id, count(*) as lines, sum(net_quantity) as units, sum(revenue) as revenue
    from marts.order_lines group by shop_id
) as l
full join (
    select shop_id, sum(lines) as lines, sum(units) as units, sum(revenue) as revenue
    from marts.sales_by_hour_weekday_quantity group by shop_id
) as c on l.shop_id = c.shop_id
where l.lines is distinct from c.lines or l.units is distinct from c.units
    or l.revenue is distinct from c.revenue
'''
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
