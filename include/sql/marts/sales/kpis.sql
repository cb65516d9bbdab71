/*
about = "The figures of a shop on one row: money sold, cancelled, returned and left as in marts.money_account, orders, units, customers, and the country with most buyers and most items."
grain = ["shop_id"]
materialized = "table"
[columns]
cancelled_amount = "Money of cancelled lines, as a positive number"
returned_amount = "Money of returned lines, as a positive number"
cancelled_lines_without_sale = "Cancelled lines whose sale is not in the data (marts.cancellations of status cancelled, match_kind none)"
cancelled_amount_without_sale = "Money of these lines, as a positive number; part of cancelled_amount"
first_order_date = "Day of the first order, in the shop's time zone"
last_order_date = "Day of the last order, in the shop's time zone"
top_country_by_buyers = "Country with most different buyers, or most purchases where no customers are known (ties: first in the alphabet); null where no order names a country"
top_country_by_units = "Country with most pieces of products (ties: first in the alphabet)"
[[measures]]
names = ["gross_revenue", "revenue", "units", "orders", "purchases", "orders_placed", "customers"]
rows = "whole"
*/
with lines as (
    select
        shop_id,
        status,
        line_kind,
        net_quantity,
        revenue
    from marts.order_lines
),

orders as (
    select
        shop_id,
        customer_id,
        is_purchase,
        order_date
    from marts.orders
),

countries as (
    select
        shop_id,
        country,
        buyers_rank,
        units_rank
    from marts.sales_by_country
    where country <> 'unknown'
),

money as (
    select
        shop_id,
        sum(case when status = 'sold' then revenue else 0 end) as gross_revenue,
        sum(case when status = 'cancelled' then -revenue else 0 end) as cancelled_amount,
        sum(case when status = 'returned' then -revenue else 0 end) as returned_amount,
        sum(revenue) as net_revenue,
        sum(case when line_kind = 'product' then net_quantity else 0 end) as units
    from lines
    group by shop_id
),

counts as (
    select
        shop_id,
        count(*) as orders_placed,
        sum(case when is_purchase then 1 else 0 end) as orders,
        count(distinct case when is_purchase then customer_id end) as customers,
        count(customer_id) as orders_with_customer,
        min(order_date) as first_order_date,
        max(order_date) as last_order_date
    from orders
    group by shop_id
),

without_sale as (
    select
        shop_id,
        count(*) as lines,
        sum(amount) as amount
    from marts.cancellations
    where match_kind = 'none' and status = 'cancelled'
    group by shop_id
),

top_countries as (
    select
        shop_id,
        min(case when buyers_place = 1 then country end) as top_country_by_buyers,
        min(case when units_place = 1 then country end) as top_country_by_units
    from (
        select
            shop_id,
            country,
            row_number() over (partition by shop_id order by buyers_rank) as buyers_place,
            row_number() over (partition by shop_id order by units_rank) as units_place
        from countries
    ) as placed
    group by shop_id
)

select
    money.shop_id,
    cast(money.gross_revenue as numeric(28, 4)) as gross_revenue,
    cast(money.cancelled_amount as numeric(28, 4)) as cancelled_amount,
    cast(money.returned_amount as numeric(28, 4)) as returned_amount,
    cast(money.net_revenue as numeric(28, 4)) as net_revenue,
    cast(money.units as bigint) as units,
    cast(counts.orders as bigint) as orders,
    cast(counts.orders as bigint) as purchases,
    case when counts.orders_with_customer > 0 then counts.customers end as customers,
    cast(
        round(
            (money.net_revenue + coalesce(without_sale.amount, 0)) / nullif(counts.orders, 0), 4
        ) as numeric(28, 4)
    ) as average_purchase_value,
    coalesce(without_sale.lines, 0) as cancelled_lines_without_sale,
    cast(coalesce(without_sale.amount, 0) as numeric(28, 4)) as cancelled_amount_without_sale,
    counts.first_order_date,
    counts.last_order_date,
    top_countries.top_country_by_buyers,
    top_countries.top_country_by_units,
    cast(money.net_revenue as numeric(28, 4)) as revenue,
    counts.orders_placed,
    cast(
        round(money.net_revenue / nullif(counts.orders, 0), 4) as numeric(28, 4)
    ) as average_order_value
from money
inner join counts on money.shop_id = counts.shop_id
left join without_sale on money.shop_id = without_sale.shop_id
left join top_countries on money.shop_id = top_countries.shop_id
