/*
about = "The hundred customers of each shop with most revenue, among those with a purchase. Empty where a source knows no customers."
grain = ["shop_id", "revenue_rank"]
materialized = "table"
[columns]
revenue_rank = "1 = most revenue; ties: more purchases, then customer_id"
revenue = "Of all their orders"
units = "Of all their orders"
revenue_share = "Share of the revenue of all customers of the shop, 0 to 1; null where it is no such part: the customer's revenue is below 0 or above all of it"
[[measures]]
names = ["purchases", "units", "revenue"]
rows = "whole"
table = "marts.customers"
by = ["shop_id", "customer_id"]
only_here = true
[[checks]]
check = "no_gaps"
column = "revenue_rank"
*/
with customers as (
    select
        shop_id,
        customer_id,
        customer_key_kind,
        is_weak_key,
        purchases,
        units,
        revenue,
        last_purchase_date,
        main_country
    from marts.customers
    where purchases > 0
),

ranked as (
    select
        *,
        row_number() over (
            partition by shop_id
            order by revenue desc, purchases desc, customer_id asc
        ) as revenue_rank,
        sum(revenue) over (partition by shop_id) as shop_revenue
    from customers
)

select
    shop_id,
    cast(revenue_rank as integer) as revenue_rank,
    customer_id,
    customer_key_kind,
    is_weak_key,
    purchases,
    units,
    revenue,
    cast(
        case
            when revenue between 0 and shop_revenue and shop_revenue > 0
                then revenue / shop_revenue
        end as double precision
    ) as revenue_share,
    last_purchase_date,
    main_country
from ranked
where revenue_rank <= 100
