/*
level = "fail"
sentence = "Cancelled lines, pieces or money differ from the staged rows of the build"
*/
with staged as (
    select
        shop_id,
        count(*) as lines,
        sum(abs(quantity)) as pieces,
        sum(abs(quantity) * unit_price) as amount
    from staging.order_lines
    where status = 'cancelled'
    group by shop_id
),

made as (
    select
        shop_id,
        count(*) as lines,
        sum(pieces) as pieces,
        sum(amount) as amount
    from marts.cancellations
    group by shop_id
)

select
    coalesce(staged.shop_id, made.shop_id) as shop_id,
    staged.lines as staged_lines,
    made.lines,
    staged.pieces as staged_pieces,
    made.pieces,
    staged.amount as staged_amount,
    made.amount
from staged
full outer join made on staged.shop_id = made.shop_id
where
    staged.lines is distinct from made.lines
    or staged.pieces is distinct from made.pieces
    or staged.amount is distinct from made.amount
