/*
about = "Users, buyers and revenue of each calendar month of a shop. Users are customers with an event or an order; averages are over the days of the month that have any."
grain = ["shop_id", "month_date"]
materialized = "table"
[columns]
month_date = "First day of the calendar month, in the shop's time zone"
users = "Different customers with an event or an order in the month"
revenue = "Null in shops without orders: nothing tells what was earned"
days = "Days of the month with an event or an order: the denominator of the averages"
average_users_by_day = "Users summed over the days / days, rounded to 4 decimals"
average_revenue_by_day = "revenue / days, rounded to 4 decimals; null where revenue is"
[[measures]]
names = ["orders", "events", "buyers"]
rows = "whole"
month = "month_date"
[[measures]]
names = ["revenue"]
rows = "whole"
table = "marts.orders"
by = ["shop_id", "month_date = order_month_date"]
[[checks]]
check = "sums_match"
table = "marts.users_by_day"
by = ["shop_id", "month_date"]
sums = ["revenue", "orders"]
*/
with days as (
    select
        shop_id,
        month_date,
        count(*) as days,
        sum(users) as users_over_days,
        sum(events) as events,
        sum(orders) as orders,
        sum(revenue) as revenue
    from marts.users_by_day
    group by shop_id, month_date
),

seen as (
    select
        shop_id,
        event_month_date as month_date,
        customer_id,
        0 as is_buyer
    from marts.events
    where customer_id is not null
    group by shop_id, event_month_date, customer_id
    union all
    select
        shop_id,
        order_month_date as month_date,
        customer_id,
        case when is_purchase then 1 else 0 end as is_buyer
    from marts.orders
    where customer_id is not null
),

users as (
    select
        shop_id,
        month_date,
        count(distinct customer_id) as users,
        count(distinct case when is_buyer = 1 then customer_id end) as buyers
    from seen
    group by shop_id, month_date
)

select
    days.shop_id,
    days.month_date,
    coalesce(users.users, 0) as users,
    coalesce(users.buyers, 0) as buyers,
    days.days,
    cast(days.events as bigint) as events,
    cast(days.orders as bigint) as orders,
    cast(days.revenue as numeric(28, 4)) as revenue,
    cast(round(days.users_over_days / days.days, 4) as numeric(28, 4)) as average_users_by_day,
    cast(round(days.revenue / days.days, 4) as numeric(28, 4)) as average_revenue_by_day
from days
left join users
    on
        days.shop_id = users.shop_id
        and days.month_date = users.month_date
