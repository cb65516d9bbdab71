/*
about = "How many customers buy again within 30, 90 and 365 days of their first purchase, over all and by month of the first purchase. Only customers who were watched for the whole window count: who came last week has not failed to return. Empty where a source knows no customers."
grain = ["shop_id", "period", "period_start_date", "window_days"]
materialized = "table"
[columns]
period = "overall, or month: the month of the first purchase"
period_start_date = "First day of that month; for overall, of the shop's first month with a purchase"
window_days = "Length of the window: 30, 90 or 365 days from the day of the first purchase"
customers = "Those whose first purchase lies in the period"
observed_customers = "Those whose whole window lies before the shop's last order day; the others are left out (right-censored)"
repeat_customers = "Observed customers with a purchase on a later day of the window; a second order of the same day is the same visit"
repeat_rate = "repeat_customers / observed_customers, 0 to 1; null where nobody was observed long enough"
weak_key_share = "Share of the period's customers that are known by an address only, 0 to 1: an address is not a person"
is_small = "Whether fewer than 30 customers were observed, too few to compare the rate"
[[measures]]
names = ["customers"]
rows = "whole"
each = ["period", "window_days"]
[[checks]]
check = "compare"
columns = ["repeat_customers <= observed_customers <= customers"]
sentence = "More customers bought again than were observed, or more were observed than there are"
*/
with customers as (
    select
        shop_id,
        customer_id,
        customer_key_kind,
        first_purchase_date,
        cast(date_trunc('month', first_purchase_date) as date) as cohort_month_date
    from marts.customers
    where first_purchase_date is not null
),

shops as (
    select
        shop_id,
        last_order_date
    from marts.shops
),

purchases as (
    select
        shop_id,
        customer_id,
        order_date
    from marts.orders
    where customer_id is not null and is_purchase
),

returns as (
    select
        customers.shop_id,
        customers.customer_id,
        min(cast(purchases.order_date - customers.first_purchase_date as integer)) as days_to_return
    from customers
    inner join purchases
        on
            customers.shop_id = purchases.shop_id
            and customers.customer_id = purchases.customer_id
            and customers.first_purchase_date < purchases.order_date
    group by customers.shop_id, customers.customer_id
),

windows as (
    select 30 as window_days
    union all
    select 90 as window_days
    union all
    select 365 as window_days
),

seen as (
    select
        customers.shop_id,
        customers.cohort_month_date,
        windows.window_days,
        case when customers.customer_key_kind = 'address' then 1 else 0 end as weak_key,
        case
            when
                cast(shops.last_order_date - customers.first_purchase_date as integer)
                >= windows.window_days
                then 1
            else 0
        end as observed,
        case when returns.days_to_return <= windows.window_days then 1 else 0 end as repeated
    from customers
    inner join shops on customers.shop_id = shops.shop_id
    left join returns
        on
            customers.shop_id = returns.shop_id
            and customers.customer_id = returns.customer_id
    cross join windows
),

periods as (
    select
        shop_id,
        'month' as period,
        cohort_month_date as period_start_date,
        window_days,
        count(*) as customers,
        sum(weak_key) as weak_keys,
        sum(observed) as observed_customers,
        sum(observed * repeated) as repeat_customers
    from seen
    group by shop_id, cohort_month_date, window_days
    union all
    select
        shop_id,
        'overall' as period,
        min(cohort_month_date) as period_start_date,
        window_days,
        count(*) as customers,
        sum(weak_key) as weak_keys,
        sum(observed) as observed_customers,
        sum(observed * repeated) as repeat_customers
    from seen
    group by shop_id, window_days
)

select
    shop_id,
    cast(period as text) as period,
    period_start_date,
    window_days,
    customers,
    observed_customers,
    repeat_customers,
    cast(
        round(cast(repeat_customers as numeric(38, 12)) / nullif(observed_customers, 0), 8)
        as double precision
    ) as repeat_rate,
    cast(
        round(cast(weak_keys as numeric(38, 12)) / customers, 8) as double precision
    ) as weak_key_share,
    observed_customers < 30 as is_small
from periods
