/*
level = "fail"
sentence = "Revenue of the cohorts differs from that of their customers' orders since the month of the first purchase"
*/
with placed as (
    select
        orders.shop_id,
        sum(orders.revenue) as revenue
    from marts.orders as orders
    inner join marts.customers as customers
        on
            orders.shop_id = customers.shop_id
            and orders.customer_id = customers.customer_id
    where
        orders.order_month_date
        >= cast(date_trunc('month', customers.first_purchase_date) as date)
    group by orders.shop_id
),

made as (
    select
        shop_id,
        sum(revenue) as revenue
    from marts.cohorts
    group by shop_id
)

select
    coalesce(placed.shop_id, made.shop_id) as shop_id,
    made.revenue,
    placed.revenue as canonical
from placed
full outer join made on placed.shop_id = made.shop_id
where coalesce(placed.revenue, 0) <> coalesce(made.revenue, 0)
