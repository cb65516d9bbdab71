/*
about = "Users, sessions and revenue of each day of a shop, from its events and its orders. Users are customers with an event or an order; a shop without events has its buyers only."
grain = ["shop_id", "calendar_date"]
materialized = "table"
[columns]
calendar_date = "The day, in the shop's time zone"
month_date = "First day of its calendar month"
weekday = "1 = Monday to 7 = Sunday"
users = "Different customers with an event or an order on the day"
sessions = "Sessions that have an event on the day"
revenue = "Null in shops without orders: nothing tells what was earned"
revenue_in_month = "Revenue from the first day of the month to this day; null in shops without orders"
[[measures]]
names = ["orders", "events"]
rows = "whole"
month = "month_date"
[[measures]]
names = ["revenue"]
rows = "whole"
table = "marts.orders"
by = ["shop_id", "month_date = order_month_date"]
[[measures]]
names = ["buyers"]
rows = "part"
month = "month_date"
*/
with events as (
    select
        shop_id,
        event_date as calendar_date,
        customer_id,
        session_id,
        count(*) as events
    from marts.events
    group by shop_id, event_date, customer_id, session_id
),

orders as (
    select
        shop_id,
        order_date as calendar_date,
        customer_id,
        is_purchase,
        revenue
    from marts.orders
),

shops as (
    select shop_id
    from marts.shops
),

event_days as (
    select
        shop_id,
        calendar_date,
        count(distinct session_id) as sessions,
        sum(events) as events
    from events
    group by shop_id, calendar_date
),

order_days as (
    select
        shop_id,
        calendar_date,
        sum(case when is_purchase then 1 else 0 end) as orders,
        count(distinct case when is_purchase then customer_id end) as buyers,
        sum(revenue) as revenue
    from orders
    group by shop_id, calendar_date
),

users as (
    select
        shop_id,
        calendar_date,
        count(distinct customer_id) as users
    from (
        select
            shop_id,
            calendar_date,
            customer_id
        from events
        union all
        select
            shop_id,
            calendar_date,
            customer_id
        from orders
    ) as seen
    group by shop_id, calendar_date
)

select
    users.shop_id,
    users.calendar_date,
    cast(date_trunc('month', cast(users.calendar_date as timestamp)) as date) as month_date,
    cast(extract(isodow from users.calendar_date) as integer) as weekday,
    users.users,
    coalesce(order_days.buyers, 0) as buyers,
    coalesce(event_days.sessions, 0) as sessions,
    cast(coalesce(event_days.events, 0) as bigint) as events,
    cast(coalesce(order_days.orders, 0) as bigint) as orders,
    cast(
        case when shops.shop_id is not null then coalesce(order_days.revenue, 0) end
        as numeric(28, 4)
    ) as revenue,
    cast(sum(case when shops.shop_id is not null then coalesce(order_days.revenue, 0) end) over (
        partition by users.shop_id, date_trunc('month', cast(users.calendar_date as timestamp))
        order by users.calendar_date
    ) as numeric(28, 4)) as revenue_in_month
from users
left join event_days
    on
        users.shop_id = event_days.shop_id
        and users.calendar_date = event_days.calendar_date
left join order_days
    on
        users.shop_id = order_days.shop_id
        and users.calendar_date = order_days.calendar_date
left join shops on users.shop_id = shops.shop_id
