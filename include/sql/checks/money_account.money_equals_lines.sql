/*
level = "fail"
sentence = "Gross, cancelled, returned or net money, or the lines, differ from the order lines"
*/
with sold as (
    select
        shop_id,
        currency,
        count(*) as lines,
        sum(case when status = 'sold' then revenue else 0 end) as gross,
        sum(case when status = 'sold' then 0 else -revenue end) as taken_back
    from marts.order_lines
    group by shop_id, currency
),

made as (
    select
        shop_id,
        currency,
        sum(lines) as lines,
        sum(gross_revenue) as gross,
        sum(cancelled_amount + returned_amount) as taken_back,
        sum(net_revenue) as net
    from marts.money_account
    group by shop_id, currency
)

select
    coalesce(sold.shop_id, made.shop_id) as shop_id,
    coalesce(sold.currency, made.currency) as currency,
    sold.gross as sold_gross,
    made.gross,
    sold.taken_back as sold_taken_back,
    made.taken_back,
    made.net
from sold
full outer join made
    on
        sold.shop_id = made.shop_id
        and sold.currency = made.currency
where
    sold.lines is distinct from made.lines
    or sold.gross is distinct from made.gross
    or sold.taken_back is distinct from made.taken_back
    or made.gross - made.taken_back is distinct from made.net
