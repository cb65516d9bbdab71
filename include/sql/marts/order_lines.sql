/*
about = "One row per sold, cancelled or returned order line of any kind (products, shipping, fees, discounts ...), with its revenue and its place in time. An order may hold a product on several lines. Street addresses stay in staging."
grain = ["shop_id", "order_id", "product_id"]
is_unique = false
materialized = "view"
[columns]
revenue = "quantity * unit_price; negative on cancelled and returned lines"
category = "The product's one category, 'unknown' where no source names one; on lines that are no product, their kind"
[[checks]]
name = "lines_match_staging"
level = "fail"
sentence = "Lines, units or money differ from the staged rows of the build"
sql = '''
select m.shop_id, m.lines, s.lines as staged_lines, m.amount, s.amount as staged_amount
from (
    select shop_id, count(*) as lines, sum(quantity) as units, sum(abs(revenue)) as amount
    from marts.order_lines group by shop_id
) as m
full join (
    select shop_id, count(*) as lines, sum(quantity) as units, sum(abs(quantity * unit_price)) as amount
    from staging.order_lines group by shop_id
) as s on m.shop_id = s.shop_id
where m.lines is distinct from s.lines or m.units is distinct from s.units
    or m.amount is distinct from s.amount
'''
[[checks]]
name = "one_currency_per_shop"
level = "fail"
sentence = "A shop's lines are in more than one currency, so their sums mean nothing"
sql = "select shop_id, count(distinct currency) as currencies from marts.order_lines group by shop_id having count(distinct currency) > 1"
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
    case
        when order_lines.unit_price < 10 then 'under 10'
        when order_lines.unit_price < 50 then '10 to 50'
        when order_lines.unit_price < 200 then '50 to 200'
        when order_lines.unit_price < 1000 then '200 to 1000'
        else '1000 and over'
    end as price_band,
    case
        when order_lines.unit_price < 10 then 1
        when order_lines.unit_price < 50 then 2
        when order_lines.unit_price < 200 then 3
        when order_lines.unit_price < 1000 then 4
        else 5
    end as price_band_number,
    cast(order_lines.net_quantity * order_lines.unit_price as numeric(28, 4)) as revenue,
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
    case
        when order_lines.order_hour < 6 then 'Night'
        when order_lines.order_hour < 12 then 'Morning'
        when order_lines.order_hour < 18 then 'Afternoon'
        else 'Evening'
    end as daypart,
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
