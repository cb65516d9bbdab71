/*
about = "One row per shop and shop-local day on which something was ordered. An order counts on the day of its first line."
grain = ["shop_id", "order_date"]
materialized = "table"
[columns]
revenue = "Revenue of the day's orders"
customers = "Different known customers; null where the source has no customers"
[[checks]]
check = "sums_match"
table = "marts.orders"
sums = ["orders = count(*)", "units", "revenue"]
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
        customer_id
    from marts.orders
)

select
    shop_id,
    order_date,
    order_month_date,
    order_weekday,
    count(*) as orders,
    cast(sum(lines) as bigint) as lines,
    cast(sum(units) as bigint) as units,
    cast(sum(revenue) as numeric(28, 4)) as revenue,
    cast(round(sum(revenue) / count(*), 4) as numeric(28, 4)) as average_order_value,
    nullif(count(distinct customer_id), 0) as customers
from orders
group by shop_id, order_date, order_month_date, order_weekday
