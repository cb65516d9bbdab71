/*
about = "What each method would have said one month ahead for each of the last twelve full months, and says of the next one, from earlier months only. Source: time series cross-validation, Hyndman and Athanasopoulos, Forecasting: Principles and Practice, 3rd ed., section 5.10, https://otexts.com/fpp3/tscv.html"
grain = ["shop_id", "scope", "category", "month_date", "method"]
materialized = "table"
[columns]
scope = "shop: all products together; category: one category"
category = "The category; 'all' where scope is shop"
month_date = "First day of the month that is foretold"
method = "naive: as the month before; seasonal naive: as the same month a year before; seasonal index: mean of the three months before, each divided by its month's index, times this month's index (a whole year must be known)"
expected_units = "Units the method expects, not below 0; day by day, so that a month's length counts"
units = "Those that came; null for the next month"
absolute_error = "abs(expected_units - units); null for the next month"
[[measures]]
names = ["units"]
rows = "whole"
by = ["shop_id", "scope", "category", "month_date"]
each = ["method"]
where = "units is not null"
table = "marts.monthly_units"
only_here = true
*/
with months as (
    select
        shop_id,
        scope,
        category,
        month_date,
        month_number,
        days,
        units,
        units_per_day,
        max(month_number) over (partition by shop_id, scope, category) as months
    from marts.monthly_units
),

season_history as (
    select
        shop_id,
        scope,
        category,
        origin_month_date,
        month,
        cast(index as numeric(28, 8)) as index
    from marts.seasonality_history
),

foreseen as (
    select
        shop_id,
        scope,
        category,
        month_date,
        month_number,
        months,
        days,
        units,
        units_per_day
    from months
    union all
    select
        shop_id,
        scope,
        category,
        cast(month_date + interval '1 month' as date) as month_date,
        month_number + 1 as month_number,
        months,
        extract(
            day from cast(month_date + interval '2 months' as date) - interval '1 day'
        ) as days,
        cast(null as bigint) as units,
        cast(null as numeric(28, 8)) as units_per_day
    from months
    where month_number = months
),

-- months run without gaps, so what came before is found by its place and not by a join, which
-- would compare every month with every other
looked_back as (
    select
        *,
        cast(extract(month from month_date) as integer) as month,
        lag(units_per_day, 1) over (
            partition by shop_id, scope, category
            order by month_number
        ) as before_1,
        lag(units_per_day, 2) over (
            partition by shop_id, scope, category
            order by month_number
        ) as before_2,
        lag(units_per_day, 3) over (
            partition by shop_id, scope, category
            order by month_number
        ) as before_3,
        lag(units_per_day, 12) over (
            partition by shop_id, scope, category
            order by month_number
        ) as before_12
    from foreseen
),

targets as (
    select
        *,
        (month + 10) % 12 + 1 as month_1,
        (month + 9) % 12 + 1 as month_2,
        (month + 8) % 12 + 1 as month_3
    from looked_back
    where month_number > months - 12
),

-- the index of a month before and of the month foretold, both as they stood then; only where the
-- index of all twelve was known
levels as (
    select
        targets.shop_id,
        targets.scope,
        targets.category,
        targets.month_date,
        targets.days,
        targets.units,
        count(*) as months_seen,
        avg(
            case
                when season_history.index > 0
                    then
                        case season_history.month
                            when targets.month_1 then targets.before_1
                            when targets.month_2 then targets.before_2
                            when targets.month_3 then targets.before_3
                        end / season_history.index
            end
        ) * max(
            case when season_history.month = targets.month then season_history.index end
        ) as units_per_day
    from targets
    inner join season_history
        on
            targets.shop_id = season_history.shop_id
            and targets.scope = season_history.scope
            and targets.category = season_history.category
            and targets.month_date = season_history.origin_month_date
    group by
        targets.shop_id,
        targets.scope,
        targets.category,
        targets.month_date,
        targets.days,
        targets.units
),

foretold as (
    select
        shop_id,
        scope,
        category,
        month_date,
        'naive' as method,
        days,
        units,
        before_1 as units_per_day
    from targets
    where before_1 is not null
    union all
    select
        shop_id,
        scope,
        category,
        month_date,
        'seasonal naive' as method,
        days,
        units,
        before_12 as units_per_day
    from targets
    where before_12 is not null
    union all
    select
        shop_id,
        scope,
        category,
        month_date,
        'seasonal index' as method,
        days,
        units,
        units_per_day
    from levels
    where months_seen = 12 and units_per_day is not null
),

rounded as (
    select
        shop_id,
        scope,
        category,
        month_date,
        method,
        units,
        cast(greatest(round(units_per_day * days, 2), 0) as numeric(28, 2)) as expected_units
    from foretold
)

select
    shop_id,
    scope,
    category,
    month_date,
    cast(method as text) as method,
    expected_units,
    units,
    cast(abs(expected_units - units) as numeric(28, 2)) as absolute_error
from rounded
