/*
about = "Purchases, buyers, items and revenue by the country of the order; orders that name none are 'unknown'."
grain = ["shop_id", "country"]
materialized = "table"
[columns]
country = "Country as the source writes it, or 'unknown'"
buyers = "Null where none of the country's orders names a customer"
buyers_rank = "1 = most buyers, or most purchases where the shop knows no customers; ties: more purchases, then first in the alphabet"
units_rank = "1 = most units; ties: first in the alphabet"
[[measures]]
names = ["orders", "purchases", "orders_placed", "revenue", "units"]
rows = "whole"
[[measures]]
names = ["buyers"]
rows = "part"
*/
with orders as (
    select
        shop_id,
        coalesce(country, 'unknown') as country,
        customer_id,
        is_purchase,
        units,
        revenue
    from marts.orders
),

countries as (
    select
        shop_id,
        country,
        count(*) as orders_placed,
        sum(case when is_purchase then 1 else 0 end) as orders,
        count(distinct case when is_purchase then customer_id end) as buyers,
        count(customer_id) as orders_with_customer,
        sum(units) as units,
        sum(revenue) as revenue
    from orders
    group by shop_id, country
)

select
    shop_id,
    country,
    cast(orders as bigint) as orders,
    cast(orders as bigint) as purchases,
    case when orders_with_customer > 0 then buyers end as buyers,
    cast(units as bigint) as units,
    cast(revenue as numeric(28, 4)) as revenue,
    cast(row_number() over (
        partition by shop_id
        order by buyers desc, orders desc, country asc
    ) as integer) as buyers_rank,
    cast(row_number() over (
        partition by shop_id
        order by units desc, country asc
    ) as integer) as units_rank,
    orders_placed
from countries
