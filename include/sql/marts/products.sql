/*
about = "One row per product: name, category, prices and totals."
grain = ["shop_id", "product_id"]
materialized = "table"
[columns]
typical_price = "Price on most of the product's lines; ties: the lower price"
lowest_price = "Lowest price of one piece on any line"
highest_price = "Highest price of one piece on any line"
price_band = "Band of typical_price"
first_order_date = "Day of the first order line, in the shop's time zone"
last_order_date = "Day of the last order line, in the shop's time zone"
*/
with order_lines as (
    select
        shop_id,
        order_id,
        product_id,
        product_name,
        category,
        unit_price,
        price_band,
        price_band_number,
        net_quantity,
        revenue,
        order_date
    from marts.order_lines
),

prices as (
    select
        shop_id,
        product_id,
        unit_price,
        price_band,
        price_band_number,
        row_number() over (
            partition by shop_id, product_id
            order by count(*) desc, unit_price asc
        ) as place
    from order_lines
    group by shop_id, product_id, unit_price, price_band, price_band_number
),

totals as (
    select
        shop_id,
        product_id,
        min(product_name) as product_name,
        min(category) as category,
        min(unit_price) as lowest_price,
        max(unit_price) as highest_price,
        count(*) as lines,
        count(distinct order_id) as orders,
        sum(net_quantity) as units,
        sum(revenue) as revenue,
        min(order_date) as first_order_date,
        max(order_date) as last_order_date
    from order_lines
    group by shop_id, product_id
)

select
    totals.shop_id,
    totals.product_id,
    totals.product_name,
    totals.category,
    cast(prices.unit_price as numeric(14, 4)) as typical_price,
    cast(totals.lowest_price as numeric(14, 4)) as lowest_price,
    cast(totals.highest_price as numeric(14, 4)) as highest_price,
    prices.price_band,
    prices.price_band_number,
    totals.lines,
    totals.orders,
    cast(totals.units as bigint) as units,
    cast(totals.revenue as numeric(28, 4)) as revenue,
    totals.first_order_date,
    totals.last_order_date
from totals
inner join prices
    on
        totals.shop_id = prices.shop_id
        and totals.product_id = prices.product_id
        and prices.place = 1
