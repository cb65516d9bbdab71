/*
about = "How usable each column of order_lines is: how filled, how varied, how distributed. Lines are counted; order_lines itself holds no rejected or duplicate rows."
grain = ["shop_id", "column_name"]
materialized = "table"
[columns]
column_name = "Column of marts.order_lines"
position = "Place of the column, from 1"
column_kind = "number, text, date or timestamp; only numbers have mean, deviation and quartiles"
lines = "Of the shop"
null_lines = "Lines on which the column is null"
null_share = "null_lines / lines, 0 to 1"
distinct_values = "Different values, null not counted"
is_constant = "Whether the column has at most one value, so that it tells nothing apart"
min_value = "Smallest value as text (numbers compared as numbers)"
max_value = "Largest value as text (numbers compared as numbers)"
mean = "Mean over lines, rounded to 8 decimals"
standard_deviation = "Sample standard deviation over lines (n - 1), rounded to 8 decimals; null below 2 lines"
lower_quartile = "Smallest value that at least 25 % of the lines do not exceed"
median = "Smallest value that at least 50 % of the lines do not exceed"
upper_quartile = "Smallest value that at least 75 % of the lines do not exceed"
most_frequent_value = "Value on most lines; ties: first as text"
most_frequent_lines = "Lines with that value"
[[measures]]
names = ["lines"]
rows = "whole"
each = ["column_name"]

[[marts]]
name = "column_profile"
profiled = [
    { name = "order_id", kind = "text", value = "order_id", amount = "null" },
    { name = "product_id", kind = "text", value = "product_id", amount = "null" },
    { name = "product_name", kind = "text", value = "product_name", amount = "null" },
    { name = "category", kind = "text", value = "category", amount = "null" },
    { name = "quantity", kind = "number", value = "cast(quantity as text)", amount = "quantity" },
    { name = "net_quantity", kind = "number", value = "cast(net_quantity as text)", amount = "net_quantity" },
    { name = "unit_price", kind = "number", value = "cast(unit_price as text)", amount = "unit_price" },
    { name = "price_band", kind = "text", value = "price_band", amount = "null" },
    { name = "revenue", kind = "number", value = "cast(revenue as text)", amount = "revenue" },
    { name = "currency", kind = "text", value = "currency", amount = "null" },
    { name = "status", kind = "text", value = "status", amount = "null" },
    { name = "ordered_local", kind = "timestamp", value = "to_char(ordered_local, 'YYYY-MM-DD HH24:MI:SS')", amount = "null" },
    { name = "order_date", kind = "date", value = "to_char(cast(order_date as timestamp), 'YYYY-MM-DD')", amount = "null" },
    { name = "order_month_date", kind = "date", value = "to_char(cast(order_month_date as timestamp), 'YYYY-MM-DD')", amount = "null" },
    { name = "order_hour", kind = "number", value = "cast(order_hour as text)", amount = "order_hour" },
    { name = "order_weekday", kind = "number", value = "cast(order_weekday as text)", amount = "order_weekday" },
    { name = "daypart", kind = "text", value = "daypart", amount = "null" },
    { name = "customer_id", kind = "text", value = "customer_id", amount = "null" },
    { name = "customer_key_kind", kind = "text", value = "customer_key_kind", amount = "null" },
    { name = "city", kind = "text", value = "city", amount = "null" },
    { name = "region", kind = "text", value = "region", amount = "null" },
    { name = "postal_code", kind = "text", value = "postal_code", amount = "null" },
    { name = "country", kind = "text", value = "country", amount = "null" },
    { name = "platform", kind = "text", value = "platform", amount = "null" },
]
*/
-- each column is grouped by value first: most columns have few; read from the table each time, as
-- keeping all columns of all lines aside costs as much as reading the one that is needed
with counts as (
    -- for column in profiled: union all
    select
        shop_id,
        ${column.number} as position,
        '${column.name}' as column_name,
        '${column.kind}' as column_kind,
        ${column.value} as value,
        cast(${column.amount} as numeric(28, 4)) as number,
        count(*) as lines
    from marts.order_lines
    group by shop_id, ${column.name}
    -- end
),

totals as (
    select
        shop_id,
        position,
        column_name,
        column_kind,
        sum(lines) as lines,
        coalesce(sum(case when value is null then lines end), 0) as null_lines,
        count(value) as distinct_values,
        min(value) as min_text,
        max(value) as max_text,
        sum(case when number is not null then lines end) as n,
        sum(number * lines) as sum_x,
        sum(number * number * lines) as sum_xx,
        max(case when value is not null then lines end) as most_frequent_lines
    from counts
    group by shop_id, position, column_name, column_kind
),

modes as (
    select
        counts.shop_id,
        counts.column_name,
        min(counts.value) as most_frequent_value
    from counts
    inner join totals
        on
            counts.shop_id = totals.shop_id
            and counts.column_name = totals.column_name
            and counts.lines = totals.most_frequent_lines
    where counts.value is not null
    group by counts.shop_id, counts.column_name
),

cumulated as (
    select
        shop_id,
        column_name,
        value,
        number,
        lines,
        sum(lines) over (partition by shop_id, column_name order by number) as lines_up_to,
        sum(lines) over (partition by shop_id, column_name) as n
    from counts
    where number is not null
),

quartiles as (
    select
        shop_id,
        column_name,
        max(case when lines_up_to = lines then value end) as min_value,
        max(case when lines_up_to = n then value end) as max_value,
        min(case when lines_up_to * 4 >= n then number end) as lower_quartile,
        min(case when lines_up_to * 2 >= n then number end) as median,
        min(case when lines_up_to * 4 >= n * 3 then number end) as upper_quartile
    from cumulated
    group by shop_id, column_name
)

select
    totals.shop_id,
    cast(totals.column_name as text) as column_name,
    totals.position,
    cast(totals.column_kind as text) as column_kind,
    cast(totals.lines as bigint) as lines,
    cast(totals.null_lines as bigint) as null_lines,
    cast(
        round(cast(totals.null_lines as numeric(38, 12)) / totals.lines, 8) as double precision
    ) as null_share,
    totals.distinct_values,
    totals.distinct_values < 2 as is_constant,
    coalesce(quartiles.min_value, totals.min_text) as min_value,
    coalesce(quartiles.max_value, totals.max_text) as max_value,
    cast(round(totals.sum_x / totals.n, 8) as double precision) as mean,
    cast(round(sqrt(
        (totals.n * totals.sum_xx - totals.sum_x * totals.sum_x)
        / nullif(totals.n * (totals.n - 1), 0)
    ), 8) as double precision) as standard_deviation,
    cast(quartiles.lower_quartile as numeric(28, 4)) as lower_quartile,
    cast(quartiles.median as numeric(28, 4)) as median,
    cast(quartiles.upper_quartile as numeric(28, 4)) as upper_quartile,
    modes.most_frequent_value,
    totals.most_frequent_lines
from totals
left join modes
    on
        totals.shop_id = modes.shop_id
        and totals.column_name = modes.column_name
left join quartiles
    on
        totals.shop_id = quartiles.shop_id
        and totals.column_name = quartiles.column_name
