/*
about = "One row per order. Its time and place are those of its first line (ties: smallest product, price, quantity)."
grain = ["shop_id", "order_id"]
materialized = "table"
[columns]
ordered_at = "Instant of the order's first line (UTC instant)"
lines = "Product lines only; 0 where the order has none, but only shipping, say"
products = "Different products on its product lines"
revenue = "Lines of every kind"
pieces = "Pieces on the order's product lines, whatever their status"
gross_amount = "Pieces times price of the product lines, whatever their status"
average_unit_price = "gross_amount / pieces: price of one piece, averaged over its pieces, rounded to 4 decimals; null for 0 pieces"
highest_unit_price = "Highest price of one piece on a product line; null where the order has none"
price_band = "Band of highest_unit_price"
main_category = "Category of the order's most valuable product line, else of its most valuable line; ties: smallest product"
categories = "Different categories on its product lines"
is_cancelled = "Whether no line of the order is sold"
is_purchase = "Whether the order is a purchase, which is what the measure orders counts: it sold a product line of positive value, and not every piece of these was taken back (marts.taken_back_orders). Orders of nothing but shipping, free samples or corrections are none; one whose money alone was refunded, so that its pieces stayed sold, is one"
[[measures]]
names = ["revenue", "units"]
rows = "whole"
[[measures]]
names = ["lines"]
rows = "whole"
where_there = "line_kind = 'product'"
[[checks]]
check = "sums_match"
table = "marts.order_lines"
sums = ["count(*) = count(distinct order_id)"]
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
        revenue,
        status,
        case when line_kind = 'product' then 1 else 0 end as is_product,
        case
            when
                line_kind = 'product' and status = 'sold' and net_quantity > 0 and revenue > 0
                then 1
            else 0
        end as is_sale,
        ordered_at,
        ordered_local,
        order_date,
        order_month_date,
        clock_local,
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
        is_simulated
    from marts.order_lines
),

-- the windows share their partition, so that the rows are sorted by order once
placed as (
    select
        *,
        row_number() over (
            partition by order_id, shop_id
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
                country asc,
                platform asc
        ) as time_place,
        row_number() over (
            partition by order_id, shop_id
            order by is_product desc, abs(revenue) desc, product_id asc
        ) as value_place
    from order_lines
),

totals as (
    select
        shop_id,
        order_id,
        max(case when time_place = 1 then ordered_at end) as ordered_at,
        max(case when time_place = 1 then ordered_local end) as ordered_local,
        max(case when time_place = 1 then order_date end) as order_date,
        max(case when time_place = 1 then order_month_date end) as order_month_date,
        max(case when time_place = 1 then clock_local end) as clock_local,
        max(case when time_place = 1 then order_hour end) as order_hour,
        max(case when time_place = 1 then order_weekday end) as order_weekday,
        max(case when time_place = 1 then daypart end) as daypart,
        max(case when time_place = 1 then customer_id end) as customer_id,
        max(case when time_place = 1 then customer_key_kind end) as customer_key_kind,
        max(case when time_place = 1 then city end) as city,
        max(case when time_place = 1 then region end) as region,
        max(case when time_place = 1 then postal_code end) as postal_code,
        max(case when time_place = 1 then country end) as country,
        max(case when time_place = 1 then platform end) as platform,
        max(case when value_place = 1 then category end) as main_category,
        max(case when is_product = 1 then unit_price end) as highest_unit_price,
        sum(is_product) as lines,
        count(distinct case when is_product = 1 then product_id end) as products,
        count(distinct case when is_product = 1 then category end) as categories,
        sum(case when is_product = 1 then net_quantity else 0 end) as units,
        sum(revenue) as revenue,
        sum(case when is_product = 1 then abs(quantity) * unit_price else 0 end) as gross_amount,
        sum(case when is_product = 1 then abs(quantity) else 0 end) as pieces,
        max(case when status = 'sold' then 1 else 0 end) = 0 as is_cancelled,
        max(is_sale) = 1 as has_sale,
        bool_or(is_simulated) as is_simulated
    from placed
    group by order_id, shop_id
),

taken_back_orders as (
    select
        shop_id,
        order_id,
        is_wholly_taken_back
    from marts.taken_back_orders
)

select
    totals.shop_id,
    totals.order_id,
    totals.ordered_at,
    totals.ordered_local,
    totals.order_date,
    totals.order_month_date,
    totals.clock_local,
    totals.order_hour,
    totals.order_weekday,
    totals.daypart,
    totals.lines,
    totals.products,
    totals.categories,
    totals.main_category,
    cast(totals.units as bigint) as units,
    cast(totals.revenue as numeric(28, 4)) as revenue,
    cast(totals.pieces as bigint) as pieces,
    cast(totals.gross_amount as numeric(28, 4)) as gross_amount,
    cast(
        round(totals.gross_amount / nullif(totals.pieces, 0), 4) as numeric(28, 4)
    ) as average_unit_price,
    cast(totals.highest_unit_price as numeric(14, 4)) as highest_unit_price,
    price_band(totals.highest_unit_price) as price_band,
    price_band_number(totals.highest_unit_price) as price_band_number,
    totals.customer_id,
    totals.customer_key_kind,
    totals.city,
    totals.region,
    totals.postal_code,
    totals.country,
    totals.platform,
    totals.is_cancelled,
    totals.has_sale
    and not coalesce(taken_back_orders.is_wholly_taken_back, false) as is_purchase,
    totals.is_simulated
from totals
left join taken_back_orders
    on
        totals.shop_id = taken_back_orders.shop_id
        and totals.order_id = taken_back_orders.order_id
