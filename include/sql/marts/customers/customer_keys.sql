/*
about = "What a shop's customers are known by: one row per rung of the ladder id, e-mail, address, none that its orders have, with a plain sentence on what that is good for."
grain = ["shop_id", "customer_key_kind"]
materialized = "table"
[columns]
customer_key_kind = "id, email, address or none: the strongest key the order has"
customers = "Different customer keys on these orders; 0 where the rung makes no customers"
is_weak_key = "Whether the rung is no person: an address, or nothing at all"
meaning = "What customer figures of these orders are worth, in words"
[[checks]]
check = "sums_match"
table = "marts.orders"
sums = ["orders = count(*)", "revenue"]
*/
with orders as (
    select
        shop_id,
        customer_key_kind,
        customer_id,
        revenue
    from marts.orders
),

rungs as (
    select
        shop_id,
        customer_key_kind,
        count(*) as orders,
        count(distinct customer_id) as customers,
        sum(revenue) as revenue
    from orders
    group by shop_id, customer_key_kind
)

select
    shop_id,
    customer_key_kind,
    orders,
    cast(
        cast(orders as numeric(38, 12)) / sum(orders) over (partition by shop_id)
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
        when customer_key_kind = 'address' and customers = 0
            then
                'These orders name only an address. An address is not a person, so they are in no '
                || 'customer figure.'
        when customer_key_kind = 'address'
            then
                'These orders name only an address, which the shop lets stand for a customer. An '
                || 'address is not a person: repeat rates and segments of these customers are guesses.'
        else 'These orders name nobody, so they are in no customer figure.'
    end as meaning
from rungs
