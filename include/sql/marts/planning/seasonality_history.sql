/*
about = "The index of each month of the year as it stood before each of the last twelve full months and stands before the next one, from earlier months only: so a forecast can be tested without looking ahead. Source: classical multiplicative decomposition, Hyndman and Athanasopoulos, Forecasting: Principles and Practice, 3rd ed., section 3.4, https://otexts.com/fpp3/classical-decomposition.html"
grain = ["shop_id", "scope", "category", "origin_month_date", "month"]
materialized = "table"
[columns]
scope = "shop: all products together; category: one category"
category = "The category; 'all' where scope is shop"
origin_month_date = "First day of the month that is looked at from before: only full months before it are used"
month = "Month of the year, 1 to 12; before a whole year is known, only the months seen"
index = "Units per day of this month of the year against the average month; the mean over the months shown is 1"
method = "ratio to centred moving average (12 months, from 24 full months on): free of a trend; ratio to mean (before): a trend is part of it"
months_known = "Full months before origin_month_date"
periods = "Years from which this month's index is an average"
lines = "Product lines of this month of the year in the months known"
[[measures]]
names = ["lines"]
rows = "part"
where_there = "line_kind = 'product'"
[[checks]]
check = "mean_is_one"
columns = ["index"]
by = ["shop_id", "scope", "category", "origin_month_date"]
*/
with months as (
    select
        shop_id,
        scope,
        category,
        month_date,
        month_number,
        lines,
        units_per_day,
        max(month_number) over (partition by shop_id, scope, category) as months
    from marts.monthly_units
),

origins as (
    select
        shop_id,
        scope,
        category,
        month_date as origin_month_date,
        month_number as origin_number
    from months
    where month_number > months - 12
    union all
    select
        shop_id,
        scope,
        category,
        cast(month_date + interval '1 month' as date) as origin_month_date,
        month_number + 1 as origin_number
    from months
    where month_number = months
),

history as (
    select
        origins.shop_id,
        origins.scope,
        origins.category,
        origins.origin_month_date,
        origins.origin_number - 1 as months_known,
        months.month_number,
        months.lines,
        months.units_per_day,
        cast(extract(month from months.month_date) as integer) as month
    from origins
    inner join months
        on
            origins.shop_id = months.shop_id
            and origins.scope = months.scope
            and origins.category = months.category
            and origins.origin_number > months.month_number
    where origins.origin_number > 2
),

-- the moving average of 2 x 12 months: thirteen months, the outer two with half their weight
smoothed as (
    select
        *,
        count(*) over (
            partition by shop_id, scope, category, origin_month_date
            order by month_number asc
            rows between 6 preceding and 6 following
        ) as months_around,
        sum(units_per_day) over (
            partition by shop_id, scope, category, origin_month_date
            order by month_number asc
            rows between 6 preceding and 6 following
        ) + sum(units_per_day) over (
            partition by shop_id, scope, category, origin_month_date
            order by month_number asc
            rows between 5 preceding and 5 following
        ) as doubled_year
    from history
),

detrended as (
    select
        *,
        case
            when months_known < 24 then units_per_day
            when months_around = 13 and doubled_year > 0
                then cast(24 * units_per_day / doubled_year as numeric(28, 12))
        end as height
    from smoothed
),

heights as (
    select
        shop_id,
        scope,
        category,
        origin_month_date,
        months_known,
        month,
        count(height) as periods,
        sum(lines) as lines,
        cast(avg(height) as numeric(28, 12)) as height
    from detrended
    group by shop_id, scope, category, origin_month_date, months_known, month
),

compared as (
    select
        *,
        min(periods) over (
            partition by shop_id, scope, category, origin_month_date
        ) as fewest_periods,
        cast(avg(height) over (
            partition by shop_id, scope, category, origin_month_date
        ) as numeric(28, 12)) as mean_height
    from heights
)

select
    shop_id,
    scope,
    category,
    origin_month_date,
    month,
    cast(round(height / mean_height, 8) as double precision) as index,
    cast(
        case
            when months_known < 24 then 'ratio to mean' else 'ratio to centred moving average'
        end as text
    ) as method,
    months_known,
    periods,
    cast(lines as bigint) as lines
from compared
where fewest_periods > 0 and mean_height > 0
