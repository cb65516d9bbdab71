/*
about = "One row per shop and shop-local day on which something was ordered. An order counts on the day of its first line."
grain = ["shop_id", "order_date"]
materialized = "table"
[columns]
lines = "Product lines only"
customers = "Null on days whose orders name no customer"
[[measures]]
names = ["orders", "orders_placed"]
rows = "whole"
month = "order_month_date"
[[measures]]
names = ["revenue", "units"]
rows = "whole"
table = "marts.orders"
by = ["shop_id", "order_month_date"]
[[measures]]
names = ["lines"]
rows = "whole"
where_there = "line_kind = 'product'"
[[measures]]
names = ["customers"]
rows = "part"
month = "order_month_date"
*/
with orders as (
    select
        shop_id,
        order_date,
        order_month_date,
        order_weekday,
        lines,
        units,
        revenue,
        customer_id,
        is_purchase
    from marts.orders
)

select
    shop_id,
    order_date,
    order_month_date,
    order_weekday,
    cast(sum(case when is_purchase then 1 else 0 end) as bigint) as orders,
    cast(sum(lines) as bigint) as lines,
    cast(sum(units) as bigint) as units,
    cast(sum(revenue) as numeric(28, 4)) as revenue,
    cast(
        round(sum(revenue) / nullif(sum(case when is_purchase then 1 else 0 end), 0), 4)
        as numeric(28, 4)
    ) as average_order_value,
    case
        when count(customer_id) > 0
            then count(distinct case when is_purchase then customer_id end)
    end as customers,
    count(*) as orders_placed
from orders
group by shop_id, order_date, order_month_date, order_weekday
