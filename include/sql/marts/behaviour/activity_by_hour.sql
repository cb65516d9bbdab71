/*
about = "Average activity by hour of the day over a whole month: 24 rows per shop and month. Averages are over the days of the month that have an event or an order, hours without any included."
grain = ["shop_id", "month_date", "hour"]
materialized = "table"
[columns]
month_date = "First day of the calendar month, in the shop's time zone"
hour = "Hour 0 to 23, in the shop's time zone"
days = "Days of the month with an event or an order: the denominator"
events = "Events in this hour of all days"
purchases = "Orders in this hour of all days that were not cancelled"
average_events = "events / days, rounded to 6 decimals"
average_purchases = "purchases / days, rounded to 6 decimals"
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
    where not is_cancelled
    group by shop_id, order_month_date, order_hour
)

select
    hours.shop_id,
    hours.month_date,
    hours.hour,
    hours.days,
    coalesce(events.events, 0) as events,
    coalesce(purchases.purchases, 0) as purchases,
    cast(
        round(cast(coalesce(events.events, 0) as numeric(38, 12)) / hours.days, 6)
        as double precision
    ) as average_events,
    cast(
        round(cast(coalesce(purchases.purchases, 0) as numeric(38, 12)) / hours.days, 6)
        as double precision
    ) as average_purchases
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
