/*
about = "Calendar of each shop: one row per day of every month from its first to its last order."
grain = ["shop_id", "calendar_date"]
materialized = "table"
[columns]
calendar_date = "The day, in the shop's time zone"
month_date = "First day of the day's calendar month"
year = "Calendar year"
quarter = "Quarter of the year, 1 to 4"
month = "Month of the year, 1 to 12"
day = "Day of the month, 1 to 31"
iso_year = "Year of the ISO 8601 week"
iso_week = "ISO 8601 week, 1 to 53"
weekday = "1 = Monday to 7 = Sunday"
weekday_name = "English name of the weekday"
is_weekend = "Whether the day is a Saturday or Sunday"
is_covered = "Whether the day lies from the shop's first to its last order day"
is_full_month = "Whether every day of the month is covered; only such months are compared"
orders = "0 on days without"
[[measures]]
names = ["orders"]
rows = "whole"
month = "month_date"
*/
with orders as (
    select
        shop_id,
        order_date,
        sum(case when is_purchase then 1 else 0 end) as orders
    from marts.orders
    group by shop_id, order_date
),

spans as (
    select
        shop_id,
        min(order_date) as first_date,
        max(order_date) as last_date,
        date_trunc('month', cast(min(order_date) as timestamp)) as first_month_at,
        date_trunc('month', cast(max(order_date) as timestamp)) as last_month_at
    from orders
    group by shop_id
),

months as (
    select
        spans.shop_id,
        cast(days.day_at as date) as calendar_date,
        0 as orders
    from spans
    cross join lateral generate_series(
        spans.first_month_at,
        spans.last_month_at + interval '1 month' - interval '1 day',
        interval '1 day'
    ) as days (day_at)
),

days as (
    select
        shop_id,
        calendar_date,
        orders
    from months
    union all
    select
        shop_id,
        order_date as calendar_date,
        orders
    from orders
),

-- summed and not joined, which would compare each day of a shop with every other
counted as (
    select
        shop_id,
        calendar_date,
        cast(date_trunc('month', cast(calendar_date as timestamp)) as date) as month_date,
        cast(sum(orders) as bigint) as orders
    from days
    group by shop_id, calendar_date
),

covered as (
    select
        counted.*,
        counted.calendar_date between spans.first_date and spans.last_date as is_covered
    from counted
    inner join spans on counted.shop_id = spans.shop_id
),

marked as (
    select
        *,
        min(case when is_covered then 1 else 0 end) over (
            partition by shop_id, month_date
        ) = 1 as is_full_month
    from covered
)

select
    marked.shop_id,
    marked.calendar_date,
    marked.month_date,
    cast(extract(year from marked.calendar_date) as integer) as year,
    cast(extract(quarter from marked.calendar_date) as integer) as quarter,
    cast(extract(month from marked.calendar_date) as integer) as month,
    cast(extract(day from marked.calendar_date) as integer) as day,
    cast(extract(isoyear from marked.calendar_date) as integer) as iso_year,
    cast(extract(week from marked.calendar_date) as integer) as iso_week,
    cast(extract(isodow from marked.calendar_date) as integer) as weekday,
    case cast(extract(isodow from marked.calendar_date) as integer)
        when 1 then 'Monday'
        when 2 then 'Tuesday'
        when 3 then 'Wednesday'
        when 4 then 'Thursday'
        when 5 then 'Friday'
        when 6 then 'Saturday'
        else 'Sunday'
    end as weekday_name,
    extract(isodow from marked.calendar_date) > 5 as is_weekend,
    marked.is_covered,
    marked.is_full_month,
    marked.orders
from marked
