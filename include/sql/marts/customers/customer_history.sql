/*
about = "One row per customer and calendar month in which the customer ordered."
grain = ["shop_id", "customer_id", "month_date"]
materialized = "table"
[columns]
month_date = "First day of the calendar month, in the shop's time zone"
revenue_to_date = "Money of all orders up to the end of the month"
months_since_first = "Calendar months since the month of the customer's first order; 0 for that month"
[[checks]]
check = "sums_match"
table = "marts.customers"
by = ["shop_id", "customer_id"]
sums = ["orders", "revenue"]
[[measures]]
names = ["orders", "purchases", "orders_placed"]
rows = "whole"
month = "month_date"
where_there = "customer_id is not null"
[[measures]]
names = ["units", "revenue"]
rows = "whole"
table = "marts.orders"
by = ["shop_id", "month_date = order_month_date"]
where_there = "customer_id is not null"
*/
with orders as (
    select
        shop_id,
        customer_id,
        order_month_date as month_date,
        count(*) as orders_placed,
        sum(case when is_purchase then 1 else 0 end) as orders,
        sum(units) as units,
        sum(revenue) as revenue
    from marts.orders
    where customer_id is not null
    group by shop_id, customer_id, order_month_date
),

chained as (
    select
        *,
        sum(revenue) over (
            partition by shop_id, customer_id
            order by month_date
        ) as revenue_to_date,
        min(month_date) over (partition by shop_id, customer_id) as first_month_date
    from orders
)

select
    shop_id,
    customer_id,
    month_date,
    cast(orders as bigint) as orders,
    cast(orders as bigint) as purchases,
    cast(units as bigint) as units,
    cast(revenue as numeric(28, 4)) as revenue,
    cast(revenue_to_date as numeric(28, 4)) as revenue_to_date,
    cast(
        12 * (extract(year from month_date) - extract(year from first_month_date))
        + extract(month from month_date) - extract(month from first_month_date)
        as integer
    ) as months_since_first,
    orders_placed
from chained
