/*
about = "Average activity by hour of the day over a whole month: 24 rows per shop and month. Averages are over the days of the month that have an event or an order, hours without any included."
grain = ["shop_id", "month_date", "hour"]
materialized = "table"
[columns]
month_date = "First day of the calendar month, in the shop's time zone"
hour = "Hour 0 to 23, in the shop's time zone"
days = "Days of the month with an event or an order: the denominator"
events = "Those of this hour on all days; null in every hour of a shop whose events have dates alone"
purchases = "Those of this hour on all days; null in every hour of a shop whose orders have dates alone"
average_events = "events / days, rounded to 6 decimals"
average_purchases = "purchases / days, rounded to 6 decimals"
[[measures]]
names = ["purchases"]
rows = "whole"
month = "month_date"
where_there = "order_hour is not null"
[[measures]]
names = ["events"]
rows = "whole"
month = "month_date"
where_there = "event_hour is not null"
[[checks]]
check = "rows_per_group"
by = ["shop_id", "month_date"]
rows = 24
*/
with months as (
    select
        shop_id,
        month_date,
        days
    from marts.users_by_month
),

hours as (
    select
        months.shop_id,
        months.month_date,
        months.days,
        cast(hours.hour as integer) as hour
    from months
    cross join lateral generate_series(0, 23) as hours (hour)
),

events as (
    select
        shop_id,
        event_month_date as month_date,
        event_hour as hour,
        count(*) as events
    from marts.events
    group by shop_id, event_month_date, event_hour
),

purchases as (
    select
        shop_id,
        order_month_date as month_date,
        order_hour as hour,
        count(*) as purchases
    from marts.orders
    where is_purchase and order_hour is not null
    group by shop_id, order_month_date, order_hour
),

counted as (
    select
        hours.shop_id,
        hours.month_date,
        hours.hour,
        hours.days,
        case
            when count(events.events) over (partition by hours.shop_id) > 0
                then coalesce(events.events, 0)
        end as events,
        case
            when count(purchases.purchases) over (partition by hours.shop_id) > 0
                then coalesce(purchases.purchases, 0)
        end as purchases
    from hours
    left join events
        on
            hours.shop_id = events.shop_id
            and hours.month_date = events.month_date
            and hours.hour = events.hour
    left join purchases
        on
            hours.shop_id = purchases.shop_id
            and hours.month_date = purchases.month_date
            and hours.hour = purchases.hour
)

select
    shop_id,
    month_date,
    hour,
    days,
    events,
    purchases,
    cast(round(cast(events as numeric(38, 12)) / days, 6) as double precision) as average_events,
    cast(
        round(cast(purchases as numeric(38, 12)) / days, 6) as double precision
    ) as average_purchases
from counted
