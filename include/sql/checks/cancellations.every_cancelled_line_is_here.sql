/*
level = "fail"
sentence = "Cancelled or returned lines, pieces or money differ from the order lines"
*/
with cancelled as (
    select
        shop_id,
        count(*) as lines,
        sum(abs(quantity)) as pieces,
        -sum(revenue) as amount
    from marts.order_lines
    where status in ('cancelled', 'returned')
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
    coalesce(cancelled.shop_id, made.shop_id) as shop_id,
    cancelled.lines as cancelled_lines,
    made.lines,
    cancelled.pieces as cancelled_pieces,
    made.pieces,
    cancelled.amount as cancelled_amount,
    made.amount
from cancelled
full outer join made on cancelled.shop_id = made.shop_id
where
    cancelled.lines is distinct from made.lines
    or cancelled.pieces is distinct from made.pieces
    or cancelled.amount is distinct from made.amount
