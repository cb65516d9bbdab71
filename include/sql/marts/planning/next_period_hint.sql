/*
about = "Units to expect in the next calendar month, per shop and per category, by the method that came closest in the months held out, with its error beside that of the naive forecast. Too little history gives a sentence and no number."
grain = ["shop_id", "scope", "category"]
materialized = "table"
[columns]
scope = "shop: all products together; category: one category"
category = "The category; 'all' where scope is shop"
next_month_date = "First day of the month that is foretold: the one after the last full month; null without a full month"
method = "naive, seasonal naive or seasonal index (see monthly_forecasts): the smallest relative_error over at least 3 months held out; ties: in this order"
expected_units = "Units expected in that month; null where nothing could be tested"
full_months = "Full months known"
tested_months = "Months held out, each foretold from the months before it, at most the last 12"
mean_absolute_error = "Mean of abs(expected - came) over the months held out, in units"
error_share = "Sum of abs(expected - came) / sum of what came over the months held out (weighted MAPE, which months near 0 do not upset; Kolassa and Schuetz, Foresight 6, 2007); null where nothing came"
naive_error_share = "The same of the naive forecast over the same months"
relative_error = "Mean absolute error against the naive forecast's over the same months, below 1 is better (relative MAE; Hyndman and Koehler, International Journal of Forecasting 22, 2006, https://doi.org/10.1016/j.ijforecast.2006.03.001); null where the naive forecast was never wrong"
is_small = "Whether fewer than 30 product lines are behind it"
note = "Why there is no number, or why to trust it little; null where nothing is to be said"
[[checks]]
check = "not_null"
columns = ["note"]
where = "expected_units is null"
sentence = "A hint has neither a number nor a reason"
[[checks]]
check = "filled_where"
columns = ["method"]
where = "expected_units is not null"
[[checks]]
check = "not_null"
columns = ["mean_absolute_error"]
where = "expected_units is not null"
sentence = "A hint has a number without its error"
[[checks]]
check = "between"
columns = ["tested_months"]
at_least = 3
where = "expected_units is not null"
[[checks]]
check = "covers"
table = "marts.sales_by_category"
on = ["shop_id", "category"]
where = "scope = 'category'"
name = "covers_every_category"
[[checks]]
check = "covers"
table = "marts.sales_by_category"
where = "scope = 'shop'"
name = "covers_every_shop"
*/
with order_lines as (
    select
        shop_id,
        category
    from marts.order_lines
    where line_kind = 'product'
),

monthly_units as (
    select
        shop_id,
        scope,
        category,
        month_date
    from marts.monthly_units
),

forecasts as (
    select
        shop_id,
        scope,
        category,
        month_date,
        method,
        expected_units,
        units,
        absolute_error
    from marts.monthly_forecasts
),

sold as (
    select
        shop_id,
        'category' as scope,
        category,
        count(*) as lines
    from order_lines
    group by shop_id, category
    union all
    select
        shop_id,
        'shop' as scope,
        'all' as category,
        count(*) as lines
    from order_lines
    group by shop_id
),

known as (
    select
        shop_id,
        scope,
        category,
        count(*) as full_months,
        cast(max(month_date) + interval '1 month' as date) as next_month_date
    from monthly_units
    group by shop_id, scope, category
),

errors as (
    select
        forecasts.shop_id,
        forecasts.scope,
        forecasts.category,
        forecasts.method,
        count(forecasts.units) as tested_months,
        sum(forecasts.units) as units,
        sum(forecasts.absolute_error) as error,
        sum(naive.absolute_error) as naive_error,
        max(case when forecasts.units is null then forecasts.expected_units end) as expected_units
    from forecasts
    inner join forecasts as naive
        on
            forecasts.shop_id = naive.shop_id
            and forecasts.scope = naive.scope
            and forecasts.category = naive.category
            and forecasts.month_date = naive.month_date
            and naive.method = 'naive'
    group by forecasts.shop_id, forecasts.scope, forecasts.category, forecasts.method
),

placed as (
    select
        *,
        row_number() over (
            partition by shop_id, scope, category
            order by
                case
                    when naive_error > 0 then cast(error as numeric(38, 12)) / naive_error
                    when error = 0 then 1
                    else 2
                end asc,
                case method when 'naive' then 1 when 'seasonal naive' then 2 else 3 end asc
        ) as place
    from errors
    where tested_months >= 3 and expected_units is not null
)

select
    sold.shop_id,
    cast(sold.scope as text) as scope,
    sold.category,
    known.next_month_date,
    placed.method,
    cast(placed.expected_units as numeric(28, 2)) as expected_units,
    coalesce(known.full_months, 0) as full_months,
    coalesce(placed.tested_months, 0) as tested_months,
    cast(
        round(placed.error / placed.tested_months, 4) as numeric(28, 4)
    ) as mean_absolute_error,
    cast(
        case
            when placed.units > 0 then round(cast(placed.error as numeric(38, 12)) / placed.units, 8)
        end as double precision
    ) as error_share,
    cast(
        case
            when placed.units > 0
                then round(cast(placed.naive_error as numeric(38, 12)) / placed.units, 8)
        end as double precision
    ) as naive_error_share,
    cast(
        round(cast(placed.error as numeric(38, 12)) / nullif(placed.naive_error, 0), 8)
        as double precision
    ) as relative_error,
    sold.lines < 30 as is_small,
    cast(
        case
            when placed.method is null
                then 'too little history: fewer than 4 full months, so no forecast can be tested'
            when known.full_months < 13
                then 'less than a year and a month: the season is not known yet'
            when sold.lines < 30 then 'fewer than 30 lines: chance weighs more than the season'
        end as text
    ) as note
from sold
left join known
    on
        sold.shop_id = known.shop_id
        and sold.scope = known.scope
        and sold.category = known.category
left join placed
    on
        sold.shop_id = placed.shop_id
        and sold.scope = placed.scope
        and sold.category = placed.category
        and placed.place = 1
