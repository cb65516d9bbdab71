/*
about = "What a shop took, by the kind of line: money sold, cancelled and returned, and what is left, which is revenue in every other mart. Gross and net of products before discounts are in marts.daily_money. Sums over the kinds are the shop's totals."
grain = ["shop_id", "currency", "line_kind"]
materialized = "table"
[columns]
sold_lines = "A correction of the stock is one too, at a price of 0"
cancelled_lines = "Order lines that were cancelled"
returned_lines = "Order lines that were returned"
gross_revenue = "Adjustments of bad debt are negative"
cancelled_amount = "Money of cancelled lines, as an amount above 0"
returned_amount = "Money of returned lines, as an amount above 0"
[[measures]]
names = ["lines", "sold_lines", "gross_revenue"]
rows = "whole"
[[checks]]
check = "sums_match"
table = "marts.order_lines"
sums = ["net_revenue = revenue"]
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
        sum(case when status = 'sold' then sold_amount else 0 end) as gross_revenue,
        sum(case when status = 'cancelled' then amount else 0 end) as cancelled_amount,
        sum(case when status = 'returned' then amount else 0 end) as returned_amount
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
    cast(gross_revenue as numeric(28, 4)) as gross_revenue,
    cast(cancelled_amount as numeric(28, 4)) as cancelled_amount,
    cast(returned_amount as numeric(28, 4)) as returned_amount,
    cast(gross_revenue - cancelled_amount - returned_amount as numeric(28, 4)) as net_revenue
from totals
