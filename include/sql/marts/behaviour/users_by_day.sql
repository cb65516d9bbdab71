/*
about = "Users, sessions and revenue of each day of a shop, from its events and its orders. Users are customers with an event or an order; a shop without events has its buyers only."
grain = ["shop_id", "calendar_date"]
materialized = "table"
[columns]
calendar_date = "The day, in the shop's time zone"
month_date = "First day of its calendar month"
weekday = "1 = Monday to 7 = Sunday"
users = "Different customers with an event or an order on the day"
buyers = "Different customers with an order that was not cancelled"
sessions = "Sessions that have an event on the day"
events = "Events of the day"
revenue = "Revenue of the day's orders; cancelled and returned lines count negative"
revenue_in_month = "Revenue from the first day of the month to this day"
[[checks]]
check = "sums_match"
table = "marts.orders"
sums = ["orders = count(*)", "revenue"]
[[checks]]
check = "sums_match"
table = "staging.events"
sums = ["events = count(*)"]
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
        is_cancelled,
        revenue
    from marts.orders
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
        count(*) as orders,
        count(distinct case when not is_cancelled then customer_id end) as buyers,
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
    coalesce(order_days.orders, 0) as orders,
    cast(coalesce(order_days.revenue, 0) as numeric(28, 4)) as revenue,
    cast(sum(coalesce(order_days.revenue, 0)) over (
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
