/*
level = "fail"
sentence = "Lines, units or money differ from the staged rows of the build, for a currency and status of a shop"
*/
with staged as (
    select
        shop_id,
        currency,
        status,
        count(*) as lines,
        sum(quantity) as units,
        sum(abs(coalesce(line_amount, quantity * unit_price))) as amount,
        sum(abs(quantity * unit_price)) as priced
    from staging.order_lines
    group by shop_id, currency, status
),

made as (
    select
        shop_id,
        currency,
        status,
        count(*) as lines,
        sum(quantity) as units,
        sum(abs(revenue)) as amount,
        sum(abs(quantity * unit_price)) as priced
    from marts.order_lines
    group by shop_id, currency, status
)

select
    coalesce(staged.shop_id, made.shop_id) as shop_id,
    coalesce(staged.currency, made.currency) as currency,
    coalesce(staged.status, made.status) as status,
    staged.lines as staged_lines,
    made.lines,
    staged.units as staged_units,
    made.units,
    staged.amount as staged_amount,
    made.amount,
    staged.priced as staged_priced,
    made.priced
from staged
full outer join made
    on
        staged.shop_id = made.shop_id
        and staged.currency = made.currency
        and staged.status = made.status
where
    staged.lines is distinct from made.lines
    or staged.units is distinct from made.units
    or staged.amount is distinct from made.amount
    or staged.priced is distinct from made.priced
