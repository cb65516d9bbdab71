/*
about = "One row per sold, cancelled or returned order line of any kind (products, shipping, fees, discounts ...), with its revenue and its place in time. An order may hold a product on several lines. Street addresses stay in staging."
grain = ["shop_id", "order_id", "product_id"]
is_unique = false
materialized = "view"
work_table = true
[columns]
revenue = "Money of the line: quantity * unit_price, or what the file states after the line's own discount; negative on cancelled and returned lines"
category = "The product's one category, 'unknown' where no source names one; on lines that are no product, their kind"
[[checks]]
check = "one_value"
column = "currency"
sentence = "A shop's lines are in more than one currency, so their sums mean nothing"
*/
with order_lines as (
    select
        shop_id,
        order_id,
        product_id,
        quantity,
        unit_price,
        currency,
        status,
        ordered_at,
        ordered_local,
        customer_id,
        customer_key_kind,
        city,
        region,
        postal_code,
        country,
        platform,
        is_simulated,
        line_kind,
        brand,
        category_path,
        product_name,
        case when status = 'sold' then quantity else -abs(quantity) end as net_quantity,
        coalesce(line_amount, quantity * unit_price) as amount,
        cast(extract(hour from ordered_local) as integer) as order_hour
    from staging.order_lines
),

product_categories as (
    select
        shop_id,
        product_id,
        product_name,
        category
    from marts.product_categories
)

select
    order_lines.shop_id,
    order_lines.order_id,
    order_lines.product_id,
    coalesce(product_categories.product_name, order_lines.product_name) as product_name,
    coalesce(product_categories.category, order_lines.line_kind) as category,
    order_lines.quantity,
    order_lines.net_quantity,
    order_lines.unit_price,
    price_band(order_lines.unit_price) as price_band,
    price_band_number(order_lines.unit_price) as price_band_number,
    cast(
        case
            when order_lines.status <> 'sold' and order_lines.quantity >= 0
                then -order_lines.amount
            else order_lines.amount
        end as numeric(28, 4)
    ) as revenue,
    order_lines.currency,
    order_lines.status,
    order_lines.line_kind,
    order_lines.brand,
    order_lines.category_path,
    order_lines.ordered_at,
    order_lines.ordered_local,
    cast(order_lines.ordered_local as date) as order_date,
    cast(date_trunc('month', order_lines.ordered_local) as date) as order_month_date,
    order_lines.order_hour,
    cast(extract(isodow from order_lines.ordered_local) as integer) as order_weekday,
    daypart(order_lines.order_hour) as daypart,
    order_lines.customer_id,
    order_lines.customer_key_kind,
    order_lines.city,
    order_lines.region,
    order_lines.postal_code,
    order_lines.country,
    order_lines.platform,
    order_lines.is_simulated
from order_lines
left join product_categories
    on
        order_lines.shop_id = product_categories.shop_id
        and order_lines.product_id = product_categories.product_id
