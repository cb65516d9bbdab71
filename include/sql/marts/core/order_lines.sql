/*
about = "One row per sold, cancelled or returned order line of any kind (products, shipping, fees, discounts ...), with its revenue and its place in time. An order may hold a product on several lines. Street addresses stay in staging."
grain = ["shop_id", "order_id", "product_id"]
is_unique = false
materialized = "view"
work_table = true
[columns]
revenue = "Of one line: line_amount, or quantity * unit_price where the source states no other money of the line; negative on cancelled and returned lines"
discount_amount = "What was taken off the line itself, signed like revenue, which is without it; null where nothing was"
event_date = "Calendar day on which the money moved: that of the refund where it has its own, else order_date"
refunded_local = "When the line was paid back, on the shop's wall clock, where the source gives that a date of its own"
unit_cost = "What one piece cost the shop: as the line says, else as the catalogue says for the day; null where neither does"
cost = "net_quantity * unit_cost; null where the cost is not known"
clock_local = "ordered_local where the source tells the time of day; null where it tells the date alone"
made_of = "The column of the source that the line was made of (its shipping, say); null for the source's own rows"
line_id = "The line's own key, or what else tells it apart; null where nothing does"
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
        made_of,
        line_id,
        unit_cost,
        is_date_only,
        case when status = 'sold' then quantity else -abs(quantity) end as net_quantity,
        case when status = 'sold' or quantity < 0 then 1 else -1 end as money_sign,
        coalesce(line_amount, quantity * unit_price) as amount,
        case when quantity < 0 then -discount_amount else discount_amount end as discount,
        refunded_local,
        case
            when is_date_only is null then cast(extract(hour from ordered_local) as integer)
        end as order_hour,
        case when is_date_only is null then ordered_local end as clock_local
    from staging.order_lines
),

product_costs as (
    select
        shop_id,
        product_id,
        valid_from_date,
        valid_to_date,
        unit_cost
    from marts.product_costs
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
    cast(order_lines.money_sign * order_lines.amount as numeric(28, 4)) as revenue,
    cast(order_lines.money_sign * order_lines.discount as numeric(28, 4)) as discount_amount,
    cast(coalesce(order_lines.unit_cost, product_costs.unit_cost) as numeric(14, 4)) as unit_cost,
    cast(
        order_lines.net_quantity * coalesce(order_lines.unit_cost, product_costs.unit_cost)
        as numeric(28, 4)
    ) as cost,
    order_lines.currency,
    order_lines.status,
    order_lines.line_kind,
    order_lines.made_of,
    order_lines.line_id,
    order_lines.brand,
    order_lines.category_path,
    order_lines.ordered_at,
    order_lines.ordered_local,
    cast(order_lines.ordered_local as date) as order_date,
    cast(date_trunc('month', order_lines.ordered_local) as date) as order_month_date,
    order_lines.clock_local,
    order_lines.refunded_local,
    cast(coalesce(order_lines.refunded_local, order_lines.ordered_local) as date) as event_date,
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
left join product_costs
    on
        order_lines.shop_id = product_costs.shop_id
        and order_lines.product_id = product_costs.product_id
        and cast(order_lines.ordered_local as date) >= product_costs.valid_from_date
        and (
            product_costs.valid_to_date is null
            or cast(order_lines.ordered_local as date) <= product_costs.valid_to_date
        )
