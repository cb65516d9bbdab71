/*
about = "One row per shop and calendar month from the first to the last order. Only full months are compared with the full month before."
grain = ["shop_id", "order_month_date"]
materialized = "table"
[columns]
order_month_date = "First day of the calendar month, in the shop's time zone"
is_full_month = "Whether the shop's sales cover every day of the month"
days_with_orders = "Days of the month on which something was ordered"
lines = "Product lines only"
previous_month_date = "The full month compared with; null where this month is not full or none came before"
previous_revenue = "Revenue of that month"
revenue_change_share = "revenue / previous_revenue - 1, rounded to 8 decimals; null where nothing is compared or previous_revenue is not above 0"
orders_change_share = "The same of orders"
units_change_share = "The same of units"
[[measures]]
names = ["orders", "orders_placed"]
rows = "whole"
month = "order_month_date"
[[measures]]
names = ["revenue", "units"]
rows = "whole"
table = "marts.orders"
by = ["shop_id", "order_month_date"]
[[measures]]
names = ["lines"]
rows = "whole"
where_there = "line_kind = 'product'"
[[checks]]
check = "sums_match"
table = "marts.daily_sales"
by = ["shop_id", "order_month_date"]
sums = ["orders", "units", "revenue"]
*/
with dates as (
    select
        shop_id,
        calendar_date,
        month_date,
        is_full_month
    from marts.dates
),

daily_sales as (
    select
        shop_id,
        order_date,
        orders,
        lines,
        units,
        revenue,
        orders_placed
    from marts.daily_sales
),

months as (
    select
        dates.shop_id,
        dates.month_date,
        dates.is_full_month,
        count(daily_sales.order_date) as days_with_orders,
        cast(coalesce(sum(daily_sales.orders), 0) as bigint) as orders,
        cast(coalesce(sum(daily_sales.lines), 0) as bigint) as lines,
        cast(coalesce(sum(daily_sales.units), 0) as bigint) as units,
        cast(coalesce(sum(daily_sales.revenue), 0) as numeric(28, 4)) as revenue,
        cast(coalesce(sum(daily_sales.orders_placed), 0) as bigint) as orders_placed
    from dates
    left join daily_sales
        on
            dates.shop_id = daily_sales.shop_id
            and dates.calendar_date = daily_sales.order_date
    group by dates.shop_id, dates.month_date, dates.is_full_month
),

-- months run without gaps, so full months follow one another
compared as (
    select
        shop_id,
        month_date,
        lag(month_date) over (partition by shop_id order by month_date) as previous_month_date,
        lag(orders) over (partition by shop_id order by month_date) as previous_orders,
        lag(units) over (partition by shop_id order by month_date) as previous_units,
        lag(revenue) over (partition by shop_id order by month_date) as previous_revenue
    from months
    where is_full_month
)

select
    months.shop_id,
    months.month_date as order_month_date,
    months.is_full_month,
    months.days_with_orders,
    months.orders,
    months.lines,
    months.units,
    months.revenue,
    cast(
        round(months.revenue / nullif(months.orders, 0), 4) as numeric(28, 4)
    ) as average_order_value,
    compared.previous_month_date,
    cast(compared.previous_revenue as numeric(28, 4)) as previous_revenue,
    cast(
        case
            when compared.previous_revenue > 0
                then round(cast(months.revenue as numeric(38, 12)) / compared.previous_revenue - 1, 8)
        end as double precision
    ) as revenue_change_share,
    cast(
        case
            when compared.previous_orders > 0
                then round(cast(months.orders as numeric(38, 12)) / compared.previous_orders - 1, 8)
        end as double precision
    ) as orders_change_share,
    cast(
        case
            when compared.previous_units > 0
                then round(cast(months.units as numeric(38, 12)) / compared.previous_units - 1, 8)
        end as double precision
    ) as units_change_share,
    months.orders_placed
from months
left join compared
    on
        months.shop_id = compared.shop_id
        and months.month_date = compared.month_date
