/*
about = "What a shop took, by the kind of line: gross, cancelled, returned and net. This is the one definition of these four; every other mart's revenue is net. Sums over the kinds are the shop's totals."
grain = ["shop_id", "currency", "line_kind"]
materialized = "table"
[columns]
sold_lines = "A correction of the stock is one too, at a price of 0"
cancelled_lines = "Order lines that were cancelled"
returned_lines = "Order lines that were returned"
gross = "Money of sold lines after their own discounts, in the currency; adjustments of bad debt are negative"
cancelled = "Money of cancelled lines, as an amount above 0"
returned = "Money of returned lines, as an amount above 0"
net = "gross - cancelled - returned"
[[measures]]
names = ["lines", "sold_lines"]
rows = "whole"
[[checks]]
check = "sums_match"
table = "marts.order_lines"
sums = ["net = revenue"]
*/
with order_lines as (
    select
        shop_id,
        currency,
        line_kind,
        status,
        coalesce(line_amount, quantity * unit_price) as sold_amount,
        case when quantity < 0 then -1 else 1 end
        * coalesce(line_amount, quantity * unit_price) as amount
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
