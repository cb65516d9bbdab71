/*
about = "One row per order. Its time and place are those of its first line (ties: smallest product, price, quantity)."
grain = ["shop_id", "order_id"]
materialized = "table"
[columns]
ordered_at = "Instant of the order's first line (UTC instant)"
products = "Different products in the order"
revenue = "Sum of the order's lines; cancelled and returned lines count negative"
pieces = "Pieces on the order's lines, whatever their status"
gross_amount = "Pieces times price, whatever the status of the lines"
average_unit_price = "gross_amount / pieces: price of one piece, averaged over its pieces, rounded to 4 decimals; null for 0 pieces"
highest_unit_price = "Highest price of one piece in the order"
price_band = "Band of highest_unit_price"
main_category = "Category of the order's most valuable line; ties: smallest product"
categories = "Different categories in the order"
is_cancelled = "Whether no line of the order is sold"
[[checks]]
check = "sums_match"
table = "marts.order_lines"
sums = ["count(*) = count(distinct order_id)", "lines = count(*)", "units = net_quantity", "revenue"]
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
                country asc,
                platform asc
        ) as time_place,
        row_number() over (
            partition by shop_id, order_id
            order by abs(revenue) desc, product_id asc
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
        max(unit_price) as highest_unit_price,
        count(*) as lines,
        count(distinct product_id) as products,
        count(distinct category) as categories,
        sum(net_quantity) as units,
        sum(revenue) as revenue,
        sum(abs(quantity) * unit_price) as gross_amount,
        sum(abs(quantity)) as pieces,
        max(case when status = 'sold' then 1 else 0 end) = 0 as is_cancelled,
        bool_or(is_simulated) as is_simulated
    from placed
    group by shop_id, order_id
)

select
    shop_id,
    order_id,
    ordered_at,
    ordered_local,
    order_date,
    order_month_date,
    clock_local,
    order_hour,
    order_weekday,
    daypart,
    lines,
    products,
    categories,
    main_category,
    cast(units as bigint) as units,
    cast(revenue as numeric(28, 4)) as revenue,
    cast(pieces as bigint) as pieces,
    cast(gross_amount as numeric(28, 4)) as gross_amount,
    cast(round(gross_amount / nullif(pieces, 0), 4) as numeric(28, 4)) as average_unit_price,
    cast(highest_unit_price as numeric(14, 4)) as highest_unit_price,
    price_band(highest_unit_price) as price_band,
    price_band_number(highest_unit_price) as price_band_number,
    customer_id,
    customer_key_kind,
    city,
    region,
    postal_code,
    country,
    platform,
    is_cancelled,
    is_simulated
from totals
