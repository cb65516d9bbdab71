/*
about = "Customers by the month of their first purchase, and what became of them month by month. Empty where a source knows no customers."
grain = ["shop_id", "cohort_month_date", "months_since"]
materialized = "table"
[columns]
cohort_month_date = "First day of the month of the customers' first purchase, in the shop's time zone"
months_since = "Calendar months since then, 0 to the shop's last month"
month_date = "First day of that month"
is_full_month = "Whether the shop's sales cover every day of that month; the last is often cut off"
customers = "Those of the cohort; the same in each of its rows"
active_customers = "Those of them with a purchase in that month"
retention_share = "active_customers / customers, 0 to 1; 1 in month 0"
purchases = "Of the cohort in that month"
revenue = "Of all orders that the cohort placed in that month"
weak_key_share = "Share of the cohort's customers that are known by an address only, 0 to 1: an address is not a person"
is_small = "Whether the cohort has fewer than 30 customers, too few to compare its shares"
[[measures]]
names = ["customers"]
rows = "whole"
where = "months_since = 0"
[[measures]]
names = ["purchases"]
rows = "whole"
month = "month_date"
where_there = "customer_id is not null"
[[measures]]
names = ["revenue"]
rows = "own"
check = "revenue_is_that_of_its_customers"
[[checks]]
check = "compare"
columns = ["active_customers <= customers"]
[[checks]]
check = "compare"
columns = ["active_customers = customers"]
where = "months_since = 0"
name = "all_are_active_in_the_first_month"
*/
with customers as (
    select
        shop_id,
        customer_id,
        customer_key_kind,
        cast(date_trunc('month', first_purchase_date) as date) as cohort_month_date
    from marts.customers
    where first_purchase_date is not null
),

orders as (
    select
        shop_id,
        customer_id,
        order_month_date,
        is_purchase,
        revenue
    from marts.orders
    where customer_id is not null
),

months as (
    select distinct
        shop_id,
        month_date,
        is_full_month
    from marts.dates
),

cohorts as (
    select
        shop_id,
        cohort_month_date,
        count(*) as customers,
        sum(case when customer_key_kind = 'address' then 1 else 0 end) as weak_keys
    from customers
    group by shop_id, cohort_month_date
),

-- cancellations of purchases from before the first one seen belong to no month of the cohort
activity as (
    select
        customers.shop_id,
        customers.cohort_month_date,
        orders.order_month_date as month_date,
        count(distinct case when orders.is_purchase then orders.customer_id end)
            as active_customers,
        sum(case when orders.is_purchase then 1 else 0 end) as purchases,
        sum(orders.revenue) as revenue
    from customers
    inner join orders
        on
            customers.shop_id = orders.shop_id
            and customers.customer_id = orders.customer_id
            and customers.cohort_month_date <= orders.order_month_date
    group by customers.shop_id, customers.cohort_month_date, orders.order_month_date
)

select
    cohorts.shop_id,
    cohorts.cohort_month_date,
    cast(
        12 * (
            extract(year from months.month_date) - extract(year from cohorts.cohort_month_date)
        )
        + extract(month from months.month_date) - extract(month from cohorts.cohort_month_date)
        as integer
    ) as months_since,
    months.month_date,
    months.is_full_month,
    cohorts.customers,
    coalesce(activity.active_customers, 0) as active_customers,
    cast(
        round(
            cast(coalesce(activity.active_customers, 0) as numeric(38, 12)) / cohorts.customers, 8
        ) as double precision
    ) as retention_share,
    cast(coalesce(activity.purchases, 0) as bigint) as purchases,
    cast(coalesce(activity.revenue, 0) as numeric(28, 4)) as revenue,
    cast(
        round(cast(cohorts.weak_keys as numeric(38, 12)) / cohorts.customers, 8)
        as double precision
    ) as weak_key_share,
    cohorts.customers < 30 as is_small
from cohorts
inner join months
    on
        cohorts.shop_id = months.shop_id
        and cohorts.cohort_month_date <= months.month_date
left join activity
    on
        cohorts.shop_id = activity.shop_id
        and cohorts.cohort_month_date = activity.cohort_month_date
        and months.month_date = activity.month_date
