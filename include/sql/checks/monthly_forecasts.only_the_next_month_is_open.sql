/*
level = "fail"
sentence = "A group's forecasts have more than one month, or not the last one, without what came"
*/
select
    shop_id,
    scope,
    category,
    max(month_date) as last_month_date,
    max(case when units is null then month_date end) as last_open_month_date
from marts.monthly_forecasts
group by shop_id, scope, category
having
    count(distinct case when units is null then month_date end) <> 1
    or max(month_date) <> max(case when units is null then month_date end)
