/*
about = "One row per product: name, category, prices and totals, over its product lines (no shipping, fees, discounts or corrections)."
grain = ["shop_id", "product_id"]
materialized = "table"
[columns]
orders = "Those that sold the product"
revenue = "Product lines only"
lines = "Product lines only"
typical_price = "Price on most of the product's lines; ties: the lower price"
lowest_price = "Lowest price of one piece on any line"
highest_price = "Highest price of one piece on any line"
price_band = "Band of typical_price"
first_order_date = "Day of the first order line, in the shop's time zone"
last_order_date = "Day of the last order line, in the shop's time zone"
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

-- an order counts for a product on the first of its lines that sold it
order_lines as (
    select
        order_lines.shop_id,
        order_lines.product_id,
        order_lines.product_name,
        order_lines.category,
        order_lines.unit_price,
        order_lines.price_band,
        order_lines.price_band_number,
        order_lines.net_quantity,
        order_lines.revenue,
        order_lines.order_date,
        case
            when order_lines.status = 'sold' and left_out.is_left_out is null
                then
                    row_number() over (
                        partition by
                            order_lines.order_id,
                            order_lines.product_id,
                            order_lines.shop_id
                        order by
                            case when order_lines.status = 'sold' then 0 else 1 end asc,
                            order_lines.unit_price asc
                    )
        end as place_in_order
    from marts.order_lines as order_lines
    left join left_out
        on
            order_lines.shop_id = left_out.shop_id
            and order_lines.order_id = left_out.order_id
    where order_lines.line_kind = 'product'
),

prices as (
    select
        shop_id,
        product_id,
        product_name,
        category,
        unit_price,
        price_band,
        price_band_number,
        count(*) as lines,
        sum(case when place_in_order = 1 then 1 else 0 end) as orders,
        sum(net_quantity) as units,
        sum(revenue) as revenue,
        min(order_date) as first_order_date,
        max(order_date) as last_order_date
    from order_lines
    group by
        shop_id,
        product_id,
        product_name,
        category,
        unit_price,
        price_band,
        price_band_number
),

placed as (
    select
        *,
        row_number() over (
            partition by shop_id, product_id
            order by lines desc, unit_price asc
        ) as place
    from prices
)

select
    shop_id,
    product_id,
    max(product_name) as product_name,
    max(category) as category,
    cast(max(case when place = 1 then unit_price end) as numeric(14, 4)) as typical_price,
    cast(min(unit_price) as numeric(14, 4)) as lowest_price,
    cast(max(unit_price) as numeric(14, 4)) as highest_price,
    max(case when place = 1 then price_band end) as price_band,
    max(case when place = 1 then price_band_number end) as price_band_number,
    cast(sum(lines) as bigint) as lines,
    cast(sum(orders) as bigint) as orders,
    cast(sum(units) as bigint) as units,
    cast(sum(revenue) as numeric(28, 4)) as revenue,
    min(first_order_date) as first_order_date,
    max(last_order_date) as last_order_date
from placed
group by shop_id, product_id
