/*
level = "fail"
sentence = "Lines, units or money differ from the staged rows of the build"
*/
with staged as (
    select
        shop_id,
        count(*) as lines,
        sum(quantity) as units,
        sum(abs(quantity * unit_price)) as amount
    from staging.order_lines
    group by shop_id
),

made as (
    select
        shop_id,
        count(*) as lines,
        sum(quantity) as units,
        sum(abs(revenue)) as amount
    from marts.order_lines
    group by shop_id
)

select
    coalesce(staged.shop_id, made.shop_id) as shop_id,
    staged.lines as staged_lines,
    made.lines,
    staged.units as staged_units,
    made.units,
    staged.amount as staged_amount,
    made.amount
from staged
full outer join made on staged.shop_id = made.shop_id
where
    staged.lines is distinct from made.lines
    or staged.units is distinct from made.units
    or staged.amount is distinct from made.amount
