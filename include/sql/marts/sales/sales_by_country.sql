/*
about = "Orders, buyers, items and revenue by the country of the order; orders that name none are 'unknown'."
grain = ["shop_id", "country"]
materialized = "table"
[columns]
country = "Country as the source writes it, or 'unknown'"
purchases = "Orders that were not cancelled"
buyers = "Different customers with a purchase; null where none of the country's orders has a customer"
units = "Pieces of product lines; cancelled and returned lines count negative"
revenue = "Revenue of the country's orders; cancelled and returned lines count negative"
buyers_rank = "1 = most buyers, or most purchases where the shop knows no customers; ties: more purchases, then first in the alphabet"
units_rank = "1 = most units; ties: first in the alphabet"
[[checks]]
check = "sums_match"
table = "marts.orders"
sums = ["orders = count(*)", "revenue"]
*/
with orders as (
    select
        shop_id,
        order_id,
        coalesce(country, 'unknown') as country,
        customer_id,
        is_cancelled,
        revenue
    from marts.orders
),

units as (
    select
        shop_id,
        order_id,
        sum(net_quantity) as units
    from marts.order_lines
    where line_kind = 'product'
    group by shop_id, order_id
),

countries as (
    select
        orders.shop_id,
        orders.country,
        count(*) as orders,
        sum(case when orders.is_cancelled then 0 else 1 end) as purchases,
        count(distinct case when not orders.is_cancelled then orders.customer_id end) as buyers,
        count(orders.customer_id) as orders_with_customer,
        sum(coalesce(units.units, 0)) as units,
        sum(orders.revenue) as revenue
    from orders
    left join units
        on
            orders.shop_id = units.shop_id
            and orders.order_id = units.order_id
    group by orders.shop_id, orders.country
)

select
    shop_id,
    country,
    orders,
    cast(purchases as bigint) as purchases,
    case when orders_with_customer > 0 then buyers end as buyers,
    cast(units as bigint) as units,
    cast(revenue as numeric(28, 4)) as revenue,
    cast(row_number() over (
        partition by shop_id
        order by buyers desc, purchases desc, country asc
    ) as integer) as buyers_rank,
    cast(row_number() over (
        partition by shop_id
        order by units desc, country asc
    ) as integer) as units_rank
from countries
