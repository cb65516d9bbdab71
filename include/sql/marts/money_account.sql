/*
about = "What a shop took, by the kind of line: gross, cancelled, returned and net. This is the one definition of these four; every other mart's revenue is net. Sums over the kinds are the shop's totals."
grain = ["shop_id", "currency", "line_kind"]
materialized = "table"
[columns]
line_kind = "What the lines are for: product, shipping, fee, discount, voucher, adjustment, manual or sample"
lines = "Order lines, whatever their status"
sold_lines = "Order lines that were sold; a correction of the stock is one too, at a price of 0"
cancelled_lines = "Order lines that were cancelled"
returned_lines = "Order lines that were returned"
gross = "quantity * unit_price over sold lines, in the currency; adjustments of bad debt are negative"
cancelled = "Pieces times price over cancelled lines, as an amount above 0"
returned = "Pieces times price over returned lines, as an amount above 0"
net = "gross - cancelled - returned"
[[checks]]
name = "money_equals_staging"
level = "fail"
sentence = "Gross, cancelled, returned or net money, or the lines, differ from the staged rows of the build"
sql = '''
select s.shop_id, s.currency, s.gross, m.gross as mart_gross, s.taken_back, m.taken_back as mart_taken_back
from (
    select shop_id, currency, count(*) as lines,
        sum(quantity * unit_price) filter (where status = 'sold') as gross,
        sum(abs(quantity) * unit_price) filter (where status <> 'sold') as taken_back
    from staging.order_lines group by shop_id, currency
) as s
full join (
    select shop_id, currency, sum(lines) as lines, sum(gross) as gross,
        sum(cancelled + returned) as taken_back, sum(net) as net
    from marts.money_account group by shop_id, currency
) as m on s.shop_id = m.shop_id and s.currency = m.currency
where s.lines is distinct from m.lines
    or coalesce(s.gross, 0) is distinct from m.gross
    or coalesce(s.taken_back, 0) is distinct from m.taken_back
    or m.gross - m.taken_back is distinct from m.net
'''
[[checks]]
name = "net_equals_order_lines"
level = "fail"
sentence = "Net money differs from the revenue of the shop's order lines"
sql = '''
select l.shop_id, l.revenue, m.net
from (select shop_id, sum(revenue) as revenue from marts.order_lines group by shop_id) as l
full join (select shop_id, sum(net) as net from marts.money_account group by shop_id) as m
    on l.shop_id = m.shop_id
where l.revenue is distinct from m.net
'''
*/
with order_lines as (
    select
        shop_id,
        currency,
        line_kind,
        status,
        quantity * unit_price as sold_amount,
        abs(quantity) * unit_price as amount
    from staging.order_lines
),

totals as (
    select
        shop_id,
        currency,
        line_kind,
        count(*) as lines,
        sum(case when status = 'sold' then 1 else 0 end) as sold_lines,
        sum(case when status = 'cancelled' then 1 else 0 end) as cancelled_lines,
        sum(case when status = 'returned' then 1 else 0 end) as returned_lines,
        sum(case when status = 'sold' then sold_amount else 0 end) as gross,
        sum(case when status = 'cancelled' then amount else 0 end) as cancelled,
        sum(case when status = 'returned' then amount else 0 end) as returned
    from order_lines
    group by shop_id, currency, line_kind
)

select
    shop_id,
    currency,
    line_kind,
    lines,
    sold_lines,
    cancelled_lines,
    returned_lines,
    cast(gross as numeric(28, 4)) as gross,
    cast(cancelled as numeric(28, 4)) as cancelled,
    cast(returned as numeric(28, 4)) as returned,
    cast(gross - cancelled - returned as numeric(28, 4)) as net
from totals
