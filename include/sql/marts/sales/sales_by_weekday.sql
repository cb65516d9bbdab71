/*
about = "Revenue and orders by day of the week: seven rows per shop. Averages are over all days of that name from the shop's first to its last order, days without orders included."
grain = ["shop_id", "weekday"]
materialized = "table"
[columns]
weekday = "1 = Monday to 7 = Sunday, in the shop's time zone"
weekday_name = "English name of the weekday"
days = "Days of that name in the shop's span: the denominator of the averages"
order_share = "Share of the shop's orders, 0 to 1"
average_revenue = "revenue / days, rounded to 4 decimals; null where the span has no such day"
average_orders = "orders / days, rounded to 4 decimals; null where the span has no such day"
[[measures]]
names = ["orders", "revenue"]
rows = "whole"
*/
with days as (
    select
        shop_id,
        weekday,
        count(*) as days
    from marts.dates
    where is_covered
    group by shop_id, weekday
),

orders as (
    select
        shop_id,
        order_weekday as weekday,
        sum(case when is_purchase then 1 else 0 end) as orders,
        sum(revenue) as revenue
    from marts.orders
    group by shop_id, order_weekday
),

shops as (
    select
        shop_id,
        sum(orders) as orders
    from orders
    group by shop_id
),

weekdays as (
    select
        shops.shop_id,
        shops.orders as shop_orders,
        names.weekday,
        names.weekday_name
    from shops
    cross join (
        values
        (1, 'Monday'),
        (2, 'Tuesday'),
        (3, 'Wednesday'),
        (4, 'Thursday'),
        (5, 'Friday'),
        (6, 'Saturday'),
        (7, 'Sunday')
    ) as names (weekday, weekday_name)
)

select
    weekdays.shop_id,
    weekdays.weekday,
    weekdays.weekday_name,
    coalesce(days.days, 0) as days,
    cast(coalesce(orders.orders, 0) as bigint) as orders,
    cast(
        cast(coalesce(orders.orders, 0) as numeric(38, 12)) / nullif(weekdays.shop_orders, 0)
        as double precision
    ) as order_share,
    cast(coalesce(orders.revenue, 0) as numeric(28, 4)) as revenue,
    cast(round(coalesce(orders.revenue, 0) / days.days, 4) as numeric(28, 4)) as average_revenue,
    cast(
        round(cast(coalesce(orders.orders, 0) as numeric(38, 12)) / days.days, 4)
        as numeric(28, 4)
    ) as average_orders
from weekdays
left join days
    on
        weekdays.shop_id = days.shop_id
        and weekdays.weekday = days.weekday
left join orders
    on
        weekdays.shop_id = orders.shop_id
        and weekdays.weekday = orders.weekday
