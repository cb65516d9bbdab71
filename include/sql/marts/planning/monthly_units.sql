/*
about = "Units of every full calendar month, per shop and per category, months without sales included: what seasonality and forecasts are made of. Product lines only; a month cut off by the first or last order is left out."
grain = ["shop_id", "scope", "category", "month_date"]
materialized = "table"
[columns]
scope = "shop: all products together; category: one category"
category = "The category; 'all' where scope is shop"
month_date = "First day of the month, in the shop's time zone; a category begins with the month of its first line"
month_number = "1 for the first full month of the category, without gaps"
days = "Days of the month"
lines = "Product lines of the month"
units = "Of the month"
units_per_day = "units / days, so that February can be compared; rounded to 8 decimals"
[[measures]]
names = ["lines", "units"]
rows = "whole"
month = "month_date"
each = ["scope"]
only_here = true
where_there = "line_kind = 'product'"
*/
with dates as (
    select
        shop_id,
        month_date,
        count(*) as days
    from marts.dates
    where is_full_month
    group by shop_id, month_date
),

order_lines as (
    select
        shop_id,
        category,
        order_month_date,
        net_quantity
    from marts.order_lines
    where line_kind = 'product'
),

sold as (
    select
        shop_id,
        'category' as scope,
        category,
        order_month_date,
        count(*) as lines,
        sum(net_quantity) as units
    from order_lines
    group by shop_id, category, order_month_date
    union all
    select
        shop_id,
        'shop' as scope,
        'all' as category,
        order_month_date,
        count(*) as lines,
        sum(net_quantity) as units
    from order_lines
    group by shop_id, order_month_date
),

starts as (
    select
        shop_id,
        scope,
        category,
        min(order_month_date) as first_month_date
    from sold
    group by shop_id, scope, category
)

select
    starts.shop_id,
    cast(starts.scope as text) as scope,
    starts.category,
    dates.month_date,
    cast(row_number() over (
        partition by starts.shop_id, starts.scope, starts.category
        order by dates.month_date asc
    ) as integer) as month_number,
    dates.days,
    coalesce(sold.lines, 0) as lines,
    cast(coalesce(sold.units, 0) as bigint) as units,
    cast(
        round(cast(coalesce(sold.units, 0) as numeric(38, 12)) / dates.days, 8) as numeric(28, 8)
    ) as units_per_day
from starts
inner join dates
    on
        starts.shop_id = dates.shop_id
        and starts.first_month_date <= dates.month_date
left join sold
    on
        starts.shop_id = sold.shop_id
        and starts.scope = sold.scope
        and starts.category = sold.category
        and dates.month_date = sold.order_month_date
