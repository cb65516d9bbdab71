/*
about = "What a shop's customers are known by: one row per rung of the ladder id, e-mail, address, none that its orders have, with a plain sentence on what that is good for."
grain = ["shop_id", "customer_key_kind"]
materialized = "table"
[columns]
customer_key_kind = "id, email, address or none: the strongest key the order has"
customers = "0 where the rung makes no customers"
is_weak_key = "Whether the rung is no person: an address, or nothing at all"
meaning = "What customer figures of these orders are worth, in words"
[[measures]]
names = ["orders", "orders_placed", "revenue"]
rows = "whole"
[[measures]]
names = ["customers"]
rows = "part"
*/
with orders as (
    select
        shop_id,
        customer_key_kind,
        customer_id,
        case when is_purchase then customer_id end as buyer_id,
        case when is_purchase then 1 else 0 end as is_purchase,
        revenue
    from marts.orders
),

rungs as (
    select
        shop_id,
        customer_key_kind,
        count(*) as orders_placed,
        sum(is_purchase) as orders,
        count(customer_id) as orders_with_customer,
        count(distinct buyer_id) as customers,
        sum(revenue) as revenue
    from orders
    group by shop_id, customer_key_kind
)

select
    shop_id,
    customer_key_kind,
    cast(orders as bigint) as orders,
    cast(
        cast(orders as numeric(38, 12)) / nullif(sum(orders) over (partition by shop_id), 0)
        as double precision
    ) as order_share,
    customers,
    cast(revenue as numeric(28, 4)) as revenue,
    customer_key_kind in ('address', 'none') as is_weak_key,
    case
        when customer_key_kind = 'id'
            then 'These orders name a customer.'
        when customer_key_kind = 'email'
            then 'These orders name an e-mail address, which is taken for a customer.'
        when customer_key_kind = 'address' and orders_with_customer = 0
            then
                'These orders name only an address. An address is not a person, so they are in no '
                || 'customer figure.'
        when customer_key_kind = 'address'
            then
                'These orders name only an address, which the shop lets stand for a customer. An '
                || 'address is not a person: repeat rates and segments of these customers are guesses.'
        else 'These orders name nobody, so they are in no customer figure.'
    end as meaning,
    orders_placed
from rungs
