/*
about = "How much of the average month or weekday each month of the year and each weekday sells, per shop and per category, as it stands before the next month. Product lines of full months only. Source: Hyndman and Athanasopoulos, Forecasting: Principles and Practice, 3rd ed., section 3.4, https://otexts.com/fpp3/classical-decomposition.html"
grain = ["shop_id", "scope", "category", "season", "season_number"]
materialized = "table"
[columns]
scope = "shop: all products together; category: one category"
category = "The category; 'all' where scope is shop"
season = "month: of the year, or weekday"
season_number = "Month of the year, 1 to 12, or weekday, 1 = Monday to 7 = Sunday"
index = "Units per day against the average month or weekday; the mean over the rows of a season is 1"
method = "ratio to centred moving average (12 months, from 24 full months on): free of a trend; ratio to mean (with fewer, and for weekdays): a trend is part of it"
full_months = "Full months that were used"
periods = "Months, or days, from which the index is an average"
lines = "Product lines that stand behind the index"
is_whole_year = "Whether every month of the year was seen; where not, months are compared with the months seen"
is_small = "Whether fewer than 30 lines stand behind the index: chance alone moves it by about a fifth"
[[measures]]
names = ["lines"]
rows = "part"
where_there = "line_kind = 'product'"
[[checks]]
check = "mean_is_one"
columns = ["index"]
by = ["shop_id", "scope", "category", "season"]
[[checks]]
check = "rows_per_group"
by = ["shop_id", "scope", "category"]
rows = 7
where = "season = 'weekday'"
name = "a_week_has_seven_days"
[[checks]]
check = "between"
columns = ["season_number"]
at_least = 1
at_most = 7
where = "season = 'weekday'"
name = "weekdays_are_1_to_7"
[[checks]]
check = "between"
columns = ["season_number"]
at_least = 1
at_most = 12
where = "season = 'month'"
name = "months_are_1_to_12"
*/
with history as (
    select
        shop_id,
        scope,
        category,
        origin_month_date,
        month,
        index,
        method,
        months_known,
        periods,
        lines,
        count(*) over (
            partition by shop_id, scope, category, origin_month_date
        ) as months_seen,
        max(origin_month_date) over (partition by shop_id, scope, category) as latest_origin_date
    from marts.seasonality_history
),

full_months as (
    select
        shop_id,
        scope,
        category,
        month_date
    from marts.monthly_units
),

dates as (
    select
        shop_id,
        month_date,
        weekday,
        count(*) as days
    from marts.dates
    where is_full_month
    group by shop_id, month_date, weekday
),

order_lines as (
    select
        shop_id,
        category,
        order_month_date,
        order_weekday,
        count(*) as lines,
        sum(net_quantity) as units
    from marts.order_lines
    where line_kind = 'product'
    group by shop_id, category, order_month_date, order_weekday
),

sold as (
    select
        shop_id,
        'category' as scope,
        category,
        order_month_date,
        order_weekday,
        lines,
        units
    from order_lines
    union all
    select
        shop_id,
        'shop' as scope,
        'all' as category,
        order_month_date,
        order_weekday,
        sum(lines) as lines,
        sum(units) as units
    from order_lines
    group by shop_id, order_month_date, order_weekday
),

-- joined by month and weekday, of which there are few: joined by day, the lines of a category were
-- compared day with day (ten shops: 190 million pairs). Each full month has each weekday.
weekdays as (
    select
        full_months.shop_id,
        full_months.scope,
        full_months.category,
        dates.weekday,
        count(*) as full_months,
        cast(sum(dates.days) as bigint) as periods,
        coalesce(sum(sold.lines), 0) as lines,
        cast(
            coalesce(sum(sold.units), 0) / cast(sum(dates.days) as numeric(38, 12))
            as numeric(28, 12)
        ) as height
    from full_months
    inner join dates
        on
            full_months.shop_id = dates.shop_id
            and full_months.month_date = dates.month_date
    left join sold
        on
            full_months.shop_id = sold.shop_id
            and full_months.scope = sold.scope
            and full_months.category = sold.category
            and full_months.month_date = sold.order_month_date
            and dates.weekday = sold.order_weekday
    group by
        full_months.shop_id,
        full_months.scope,
        full_months.category,
        dates.weekday
),

compared as (
    select
        *,
        cast(avg(height) over (
            partition by shop_id, scope, category
        ) as numeric(28, 12)) as mean_height
    from weekdays
),

seasons as (
    select
        shop_id,
        scope,
        category,
        'month' as season,
        month as season_number,
        index,
        method,
        months_known as full_months,
        periods,
        lines,
        months_seen = 12 as is_whole_year
    from history
    where origin_month_date = latest_origin_date
    union all
    select
        shop_id,
        scope,
        category,
        'weekday' as season,
        weekday as season_number,
        cast(round(height / mean_height, 8) as double precision) as index,
        'ratio to mean' as method,
        full_months,
        periods,
        cast(lines as bigint) as lines,
        full_months > 11 as is_whole_year
    from compared
    where mean_height > 0
)

select
    shop_id,
    scope,
    category,
    cast(season as text) as season,
    season_number,
    index,
    method,
    full_months,
    periods,
    lines,
    is_whole_year,
    lines < 30 as is_small
from seasons
