/*
about = "Price history of each product: spans of days at one price. The price of a day is the one on most of its sold product lines (ties: the lower); a span lasts until the day before the next price was seen."
grain = ["shop_id", "product_id", "valid_from_date"]
materialized = "table"
[columns]
valid_from_date = "First day on which the price was seen, in the shop's time zone"
valid_to_date = "Last day before another price was seen; null for the last price known"
unit_price = "Price of one piece in the span, in the shop's currency"
previous_price = "Price of the span before; null for the first"
change_share = "(unit_price - previous_price) / previous_price; null for the first or after a price of 0"
lines = "Sold product lines of the span, at whatever price"
[[measures]]
names = ["lines"]
rows = "whole"
where_there = "line_kind = 'product' and status = 'sold'"
[[checks]]
check = "compare"
columns = ["valid_from_date <= valid_to_date", "unit_price <> previous_price"]
name = "spans_change_the_price"
sentence = "Two spans in a row have one price, or a span ends before it begins"
*/
with prices as (
    select
        shop_id,
        product_id,
        order_date,
        unit_price,
        count(*) as lines
    from marts.order_lines
    where line_kind = 'product' and status = 'sold'
    group by shop_id, product_id, order_date, unit_price
),

placed as (
    select
        *,
        sum(lines) over (partition by product_id, order_date, shop_id) as day_lines,
        row_number() over (
            partition by product_id, order_date, shop_id
            order by lines desc, unit_price asc
        ) as place
    from prices
),

days as (
    select
        shop_id,
        product_id,
        order_date,
        unit_price,
        day_lines,
        lag(unit_price) over (
            partition by product_id, shop_id
            order by order_date
        ) as price_before
    from placed
    where place = 1
),

numbered as (
    select
        *,
        sum(case when price_before = unit_price then 0 else 1 end) over (
            partition by product_id, shop_id
            order by order_date
        ) as span_number
    from days
),

spans as (
    select
        shop_id,
        product_id,
        span_number,
        min(order_date) as valid_from_date,
        min(unit_price) as unit_price,
        sum(day_lines) as lines
    from numbered
    group by product_id, span_number, shop_id
),

chained as (
    select
        *,
        lag(unit_price) over (
            partition by product_id, shop_id
            order by span_number
        ) as previous_price,
        lead(valid_from_date) over (
            partition by product_id, shop_id
            order by span_number
        ) as next_from_date
    from spans
)

select
    shop_id,
    product_id,
    valid_from_date,
    cast(next_from_date - 1 as date) as valid_to_date,
    cast(unit_price as numeric(14, 4)) as unit_price,
    cast(previous_price as numeric(14, 4)) as previous_price,
    cast(
        (unit_price - previous_price) / nullif(previous_price, 0) as double precision
    ) as change_share,
    cast(lines as bigint) as lines
from chained
