/*
about = "How order lines, orders, units and revenue spread over the products."
grain = ["shop_id", "product_id"]
materialized = "table"
[columns]
lines = "Product lines only"
orders = "Those that sold the product; an order with two products counts for both"
revenue = "Product lines only"
average_price = "Revenue of the product per unit sold net, rounded to 4 decimals; null for 0 units"
order_share = "Share of the shop's orders that sold the product, 0 to 1; null in shops without orders"
revenue_rank = "1 = most revenue; ties: more units, then product_id"
[[measures]]
names = ["lines", "units", "revenue"]
rows = "whole"
where_there = "line_kind = 'product'"
[[measures]]
names = ["orders"]
rows = "part"
*/
with products as (
    select
        shop_id,
        product_id,
        product_name,
        category,
        lines,
        orders,
        units,
        revenue
    from marts.products
),

shops as (
    select
        shop_id,
        orders
    from marts.shops
),

totals as (
    select
        shop_id,
        cast(sum(lines) as numeric(38, 12)) as lines,
        cast(sum(units) as numeric(38, 12)) as units,
        cast(sum(revenue) as numeric(38, 12)) as revenue
    from products
    group by shop_id
)

select
    products.shop_id,
    products.product_id,
    products.product_name,
    products.category,
    products.lines,
    products.orders,
    products.units,
    products.revenue,
    cast(
        round(products.revenue / nullif(products.units, 0), 4) as numeric(28, 4)
    ) as average_price,
    cast(round(products.lines / totals.lines, 8) as double precision) as line_share,
    cast(
        round(cast(products.orders as numeric(38, 12)) / nullif(shops.orders, 0), 8) as double precision
    ) as order_share,
    cast(
        case
            when products.units between 0 and totals.units and totals.units > 0
                then round(products.units / totals.units, 8)
        end as double precision
    ) as unit_share,
    cast(
        case
            when products.revenue between 0 and totals.revenue and totals.revenue > 0
                then round(products.revenue / totals.revenue, 8)
        end as double precision
    ) as revenue_share,
    cast(row_number() over (
        partition by products.shop_id
        order by products.revenue desc, products.units desc, products.product_id asc
    ) as integer) as revenue_rank
from products
inner join totals on products.shop_id = totals.shop_id
inner join shops on products.shop_id = shops.shop_id
