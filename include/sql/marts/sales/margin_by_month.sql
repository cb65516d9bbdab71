/*
about = "What the shop's products earned over their cost, by month of the order. A margin without the share of revenue whose cost is known says nothing: read both. Product lines as they stand: discounts, refunds and taxes that an export states in lines of their own are in marts.daily_money and take nothing off here."
grain = ["shop_id", "order_month_date"]
materialized = "table"
[columns]
revenue = "Product lines only"
revenue_with_cost = "The part of revenue whose cost is known"
cost_known_share = "revenue_with_cost / revenue, where both are above 0: how much of the revenue the margin speaks of; else null"
margin_share = "margin / revenue_with_cost; null where no cost is known or that revenue is not above 0"
[[measures]]
names = ["revenue", "cost"]
rows = "whole"
where_there = "line_kind = 'product'"
month = "order_month_date"
*/
with order_lines as (
    select
        shop_id,
        order_month_date,
        revenue,
        cost,
        case when cost is not null then revenue end as revenue_with_cost
    from marts.order_lines
    where line_kind = 'product'
),

totals as (
    select
        shop_id,
        order_month_date,
        sum(revenue) as revenue,
        coalesce(sum(revenue_with_cost), 0) as revenue_with_cost,
        sum(cost) as cost
    from order_lines
    group by shop_id, order_month_date
)

select
    shop_id,
    order_month_date,
    cast(revenue as numeric(28, 4)) as revenue,
    cast(revenue_with_cost as numeric(28, 4)) as revenue_with_cost,
    case
        when revenue > 0 and revenue_with_cost > 0
            then cast(revenue_with_cost / revenue as double precision)
    end as cost_known_share,
    cast(cost as numeric(28, 4)) as cost,
    cast(revenue_with_cost - cost as numeric(28, 4)) as margin,
    case
        when revenue_with_cost > 0
            then cast((revenue_with_cost - cost) / revenue_with_cost as double precision)
    end as margin_share
from totals
