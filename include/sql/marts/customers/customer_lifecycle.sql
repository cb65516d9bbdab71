/*
about = "Where each customer with a purchase stands by the customer's own rhythm: the usual days between purchase days, and how long the last purchase is ago. One purchase day tells no rhythm, and two tell little: these are held against the shop's. Stages: new (one purchase day, within the usual days of the shop), active (within 1.5 times the usual days), at risk (within 3 times), lapsed (longer ago), returning (active, after a pause of over 3 times the usual days just before the last purchase)."
grain = ["shop_id", "customer_id"]
materialized = "table"
[columns]
customer_id = "The customer's key, as in marts.customers"
purchase_days = "Different days with a purchase"
days_since_purchase = "Days from the last purchase to the shop's last day with an order, never to today"
last_pause_days = "Days between the last two purchase days; null after one"
usual_days = "Lower median of the days between purchase days: the customer's where there are three purchase days or more, else the shop's, over all pauses; null where nobody ever came back"
rhythm = "Whose days usual_days are: customer or shop; null without"
pause_ratio = "days_since_purchase / usual_days, rounded to 4 decimals"
stage = "new, active, at risk, lapsed or returning; unknown where nobody ever came back to the shop"
[[checks]]
check = "covers"
table = "marts.customers"
on = ["shop_id", "customer_id"]
where_there = "purchases > 0"
[[checks]]
check = "accepted_values"
column = "stage"
values = ["new", "active", "at risk", "lapsed", "returning", "unknown"]
*/
with purchase_days as (
    select distinct
        shop_id,
        customer_id,
        order_date
    from marts.orders
    where is_purchase and customer_id is not null
),

shops as (
    select
        shop_id,
        last_order_date
    from marts.shops
),

pauses as (
    select
        shop_id,
        customer_id,
        order_date,
        cast(
            order_date - lag(order_date) over (
                partition by shop_id, customer_id order by order_date
            ) as integer
        ) as pause_days,
        row_number() over (
            partition by shop_id, customer_id order by order_date desc
        ) as from_last
    from purchase_days
),

placed as (
    select
        shop_id,
        customer_id,
        pause_days,
        row_number() over (partition by shop_id, customer_id order by pause_days) as place,
        count(*) over (partition by shop_id, customer_id) as pauses,
        row_number() over (partition by shop_id order by pause_days) as shop_place,
        count(*) over (partition by shop_id) as shop_pauses
    from pauses
    where pause_days is not null
),

of_shop as (
    select
        shop_id,
        min(case when 2 * shop_place >= shop_pauses then pause_days end) as usual_days
    from placed
    group by shop_id
),

of_customer as (
    select
        shop_id,
        customer_id,
        min(case when 2 * place >= pauses then pause_days end) as usual_days
    from placed
    where pauses >= 2
    group by shop_id, customer_id
),

customers as (
    select
        shop_id,
        customer_id,
        count(*) as purchase_days,
        max(order_date) as last_purchase_date,
        max(case when from_last = 1 then pause_days end) as last_pause_days
    from pauses
    group by shop_id, customer_id
),

measured as (
    select
        customers.shop_id,
        customers.customer_id,
        customers.purchase_days,
        cast(shops.last_order_date - customers.last_purchase_date as integer)
            as days_since_purchase,
        customers.last_pause_days,
        coalesce(of_customer.usual_days, of_shop.usual_days) as usual_days,
        case
            when of_customer.usual_days is not null then 'customer'
            when of_shop.usual_days is not null then 'shop'
        end as rhythm
    from customers
    inner join shops on customers.shop_id = shops.shop_id
    left join of_shop on customers.shop_id = of_shop.shop_id
    left join of_customer
        on
            customers.shop_id = of_customer.shop_id
            and customers.customer_id = of_customer.customer_id
)

select
    shop_id,
    customer_id,
    purchase_days,
    days_since_purchase,
    last_pause_days,
    usual_days,
    cast(rhythm as text) as rhythm,
    cast(
        round(cast(days_since_purchase as numeric(38, 12)) / usual_days, 4) as double precision
    ) as pause_ratio,
    cast(
        case
            when usual_days is null then 'unknown'
            when purchase_days = 1 and days_since_purchase <= usual_days then 'new'
            when days_since_purchase > 3 * usual_days then 'lapsed'
            when 2 * days_since_purchase > 3 * usual_days then 'at risk'
            when last_pause_days > 3 * usual_days then 'returning'
            else 'active'
        end as text
    ) as stage
from measured
