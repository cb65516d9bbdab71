/*
level = "fail"
sentence = "Gross, cancelled, returned or net money, or the lines, differ from the staged rows of the build"
*/
with staged as (
    select
        shop_id,
        currency,
        count(*) as lines,
        sum(case when status = 'sold' then quantity * unit_price else 0 end) as gross,
        sum(case when status = 'sold' then 0 else abs(quantity) * unit_price end) as taken_back
    from staging.order_lines
    group by shop_id, currency
),

made as (
    select
        shop_id,
        currency,
        sum(lines) as lines,
        sum(gross) as gross,
        sum(cancelled + returned) as taken_back,
        sum(net) as net
    from marts.money_account
    group by shop_id, currency
)

select
    coalesce(staged.shop_id, made.shop_id) as shop_id,
    coalesce(staged.currency, made.currency) as currency,
    staged.gross as staged_gross,
    made.gross,
    staged.taken_back as staged_taken_back,
    made.taken_back,
    made.net
from staged
full outer join made
    on
        staged.shop_id = made.shop_id
        and staged.currency = made.currency
where
    staged.lines is distinct from made.lines
    or staged.gross is distinct from made.gross
    or staged.taken_back is distinct from made.taken_back
    or made.gross - made.taken_back is distinct from made.net
