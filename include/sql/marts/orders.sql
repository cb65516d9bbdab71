/*
about = "One row per order. Its time and place are those of its first line (ties: smallest product, price, quantity)."
grain = ["shop_id", "order_id"]
materialized = "table"
[columns]
ordered_at = "Instant of the order's first line (UTC instant)"
products = "Different products in the order"
revenue = "Sum of the order's lines; cancelled and returned lines count negative"
average_unit_price = "Price of one piece, averaged over the order's pieces, rounded to 4 decimals; null for 0 pieces"
highest_unit_price = "Highest price of one piece in the order"
price_band = "Band of highest_unit_price"
main_category = "Category with the most revenue in the order; ties: first in the alphabet"
categories = "Different categories in the order"
is_cancelled = "Whether no line of the order is sold"
[[checks]]
name = "orders_match_lines"
level = "fail"
sentence = "Orders, lines, units or revenue of a shop differ from its order lines"
sql = '''
select l.shop_id, l.orders, o.orders as mart_orders, l.revenue, o.revenue as mart_revenue
from (
    select shop_id, count(distinct order_id) as orders, count(*) as lines,
        sum(net_quantity) as units, sum(revenue) as revenue
    from marts.order_lines group by shop_id
) as l
full join (
    select shop_id, count(*) as orders, sum(lines) as lines, sum(units) as units, sum(revenue) as revenue
    from marts.orders group by shop_id
) as o on l.shop_id = o.shop_id
where l.orders is distinct from o.orders or l.lines is distinct from o.lines
    or l.units is distinct from o.units or l.revenue is distinct from o.revenue
'''
*/
with order_lines as (
    select
        shop_id,
        order_id,
        product_id,
        category,
        quantity,
        net_quantity,
        unit_price,
        price_band,
        price_band_number,
        revenue,
        status,
        ordered_at,
        ordered_local,
        order_date,
        order_month_date,
        order_hour,
        order_weekday,
        daypart,
        customer_id,
        customer_key_kind,
        city,
        region,
        postal_code,
        country,
        platform,
        is_simulated,
        row_number() over (
            partition by shop_id, order_id
            order by
                ordered_local asc,
                ordered_at asc,
                product_id asc,
                unit_price asc,
                quantity asc,
                status asc,
                customer_id asc,
                city asc,
                region asc,
                postal_code asc,
                platform asc
        ) as line_number
    from marts.order_lines
),

category_revenue as (
    select
        shop_id,
        order_id,
        category,
        row_number() over (
            partition by shop_id, order_id
            order by sum(abs(revenue)) desc, category asc
        ) as place
    from order_lines
    group by shop_id, order_id, category
),

price_bands as (
    select distinct
        price_band_number,
        price_band
    from order_lines
),

totals as (
    select
        shop_id,
        order_id,
        count(*) as lines,
        count(distinct product_id) as products,
        count(distinct category) as categories,
        sum(net_quantity) as units,
        sum(revenue) as revenue,
        sum(abs(quantity) * unit_price) as gross_amount,
        sum(abs(quantity)) as pieces,
        max(unit_price) as highest_unit_price,
        max(price_band_number) as price_band_number,
        max(case when status = 'sold' then 1 else 0 end) as has_sold_line
    from order_lines
    group by shop_id, order_id
)

select
    totals.shop_id,
    totals.order_id,
    first_line.ordered_at,
    first_line.ordered_local,
    first_line.order_date,
    first_line.order_month_date,
    first_line.order_hour,
    first_line.order_weekday,
    first_line.daypart,
    totals.lines,
    totals.products,
    totals.categories,
    category_revenue.category as main_category,
    cast(totals.units as bigint) as units,
    cast(totals.revenue as numeric(28, 4)) as revenue,
    cast(
        round(totals.gross_amount / nullif(totals.pieces, 0), 4) as numeric(28, 4)
    ) as average_unit_price,
    cast(totals.highest_unit_price as numeric(14, 4)) as highest_unit_price,
    price_bands.price_band,
    totals.price_band_number,
    first_line.customer_id,
    first_line.customer_key_kind,
    first_line.city,
    first_line.region,
    first_line.postal_code,
    first_line.country,
    first_line.platform,
    totals.has_sold_line = 0 as is_cancelled,
    first_line.is_simulated
from totals
inner join order_lines as first_line
    on
        totals.shop_id = first_line.shop_id
        and totals.order_id = first_line.order_id
        and first_line.line_number = 1
inner join category_revenue
    on
        totals.shop_id = category_revenue.shop_id
        and totals.order_id = category_revenue.order_id
        and category_revenue.place = 1
inner join price_bands on totals.price_band_number = price_bands.price_band_number
