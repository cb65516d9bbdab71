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
units = "Units that came; null for the next month"
absolute_error = "abs(expected_units - units); null for the next month"
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
        cast(index as numeric(28, 8)) as index,
        count(*) over (partition by shop_id, scope, category, origin_month_date) as months_seen
    from marts.seasonality_history
),

targets as (
    select
        shop_id,
        scope,
        category,
        month_date,
        month_number,
        days,
        units
    from months
    where month_number > months - 12
    union all
    select
        shop_id,
        scope,
        category,
        cast(month_date + interval '1 month' as date) as month_date,
        month_number + 1 as month_number,
        extract(
            day from cast(month_date + interval '2 months' as date) - interval '1 day'
        ) as days,
        cast(null as bigint) as units
    from months
    where month_number = months
),

-- the index of a month before and of the month foretold, both as they stood then
levels as (
    select
        targets.shop_id,
        targets.scope,
        targets.category,
        targets.month_date,
        avg(
            case when before.index > 0 then months.units_per_day / before.index end
        ) * max(ahead.index) as units_per_day
    from targets
    inner join season_history as ahead
        on
            targets.shop_id = ahead.shop_id
            and targets.scope = ahead.scope
            and targets.category = ahead.category
            and targets.month_date = ahead.origin_month_date
            and extract(month from targets.month_date) = ahead.month
            and ahead.months_seen = 12
    inner join months
        on
            targets.shop_id = months.shop_id
            and targets.scope = months.scope
            and targets.category = months.category
            and months.month_number between targets.month_number - 3 and targets.month_number - 1
    inner join season_history as before
        on
            targets.shop_id = before.shop_id
            and targets.scope = before.scope
            and targets.category = before.category
            and targets.month_date = before.origin_month_date
            and extract(month from months.month_date) = before.month
    group by targets.shop_id, targets.scope, targets.category, targets.month_date
),

foretold as (
    select
        targets.shop_id,
        targets.scope,
        targets.category,
        targets.month_date,
        case when targets.month_number - months.month_number = 1 then 'naive' else 'seasonal naive' end
            as method,
        targets.days,
        targets.units,
        months.units_per_day
    from targets
    inner join months
        on
            targets.shop_id = months.shop_id
            and targets.scope = months.scope
            and targets.category = months.category
            and targets.month_number - months.month_number in (1, 12)
    union all
    select
        targets.shop_id,
        targets.scope,
        targets.category,
        targets.month_date,
        'seasonal index' as method,
        targets.days,
        targets.units,
        levels.units_per_day
    from targets
    inner join levels
        on
            targets.shop_id = levels.shop_id
            and targets.scope = levels.scope
            and targets.category = levels.category
            and targets.month_date = levels.month_date
    where levels.units_per_day is not null
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
