/*
about = "How order lines, orders, units and revenue spread over the categories."
grain = ["shop_id", "category"]
materialized = "table"
[columns]
orders = "Orders that hold the category; an order with two categories counts for both"
average_price = "Revenue of the category per unit sold net, rounded to 4 decimals; null for 0 units"
order_share = "Share of the shop's orders that hold the category, 0 to 1"
revenue_rank = "1 = most revenue; ties: more units, then category"
[[checks]]
check = "sums_match"
table = "marts.sales_by_product"
by = ["shop_id", "category"]
sums = ["products = count(*)", "lines", "units", "revenue"]
*/
with order_lines as (
    select
        shop_id,
        order_id,
        product_id,
        category,
        net_quantity,
        revenue
    from marts.order_lines
    where line_kind = 'product'
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
        round(cast(categories.orders as numeric(38, 12)) / shops.orders, 8) as double precision
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
