/*
about = "How order lines, orders, units and revenue spread over the categories."
grain = ["shop_id", "category"]
materialized = "table"
[columns]
lines = "Product lines only"
orders = "Those that sold something of the category; an order with two categories counts for both"
revenue = "Product lines only"
average_price = "Revenue of the category per unit sold net, rounded to 4 decimals; null for 0 units"
order_share = "Share of the shop's orders that sold something of the category, 0 to 1; null in shops without orders"
revenue_rank = "1 = most revenue; ties: more units, then category"
[[checks]]
check = "sums_match"
table = "marts.sales_by_product"
by = ["shop_id", "category"]
sums = ["products = count(*)", "lines", "units", "revenue"]
[[measures]]
names = ["lines", "units", "revenue"]
rows = "whole"
where_there = "line_kind = 'product'"
[[measures]]
names = ["orders"]
rows = "part"
*/
with left_out as (
    select
        shop_id,
        order_id,
        1 as is_left_out
    from marts.orders
    where not is_purchase
),

order_lines as (
    select
        order_lines.shop_id,
        case
            when order_lines.status = 'sold' and left_out.is_left_out is null
                then order_lines.order_id
        end as order_id,
        order_lines.product_id,
        order_lines.category,
        order_lines.net_quantity,
        order_lines.revenue
    from marts.order_lines as order_lines
    left join left_out
        on
            order_lines.shop_id = left_out.shop_id
            and order_lines.order_id = left_out.order_id
    where order_lines.line_kind = 'product'
),

shops as (
    select
        shop_id,
        orders
    from marts.shops
),

categories as (
    select
        shop_id,
        category,
        count(distinct product_id) as products,
        count(*) as lines,
        count(distinct order_id) as orders,
        cast(sum(net_quantity) as bigint) as units,
        cast(sum(revenue) as numeric(28, 4)) as revenue
    from order_lines
    group by shop_id, category
),

totals as (
    select
        shop_id,
        cast(sum(lines) as numeric(38, 12)) as lines,
        cast(sum(units) as numeric(38, 12)) as units,
        cast(sum(revenue) as numeric(38, 12)) as revenue
    from categories
    group by shop_id
)

select
    categories.shop_id,
    categories.category,
    categories.products,
    categories.lines,
    categories.orders,
    categories.units,
    categories.revenue,
    cast(
        round(categories.revenue / nullif(categories.units, 0), 4) as numeric(28, 4)
    ) as average_price,
    cast(round(categories.lines / totals.lines, 8) as double precision) as line_share,
    cast(
        round(cast(categories.orders as numeric(38, 12)) / nullif(shops.orders, 0), 8) as double precision
    ) as order_share,
    cast(
        case
            when categories.units between 0 and totals.units and totals.units > 0
                then round(categories.units / totals.units, 8)
        end as double precision
    ) as unit_share,
    cast(
        case
            when categories.revenue between 0 and totals.revenue and totals.revenue > 0
                then round(categories.revenue / totals.revenue, 8)
        end as double precision
    ) as revenue_share,
    cast(row_number() over (
        partition by categories.shop_id
        order by categories.revenue desc, categories.units desc, categories.category asc
    ) as integer) as revenue_rank
from categories
inner join totals on categories.shop_id = totals.shop_id
inner join shops on categories.shop_id = shops.shop_id
