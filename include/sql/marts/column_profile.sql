/*
about = "How usable each column of order_lines is: how filled, how varied, how distributed. Lines are counted; order_lines itself holds no rejected or duplicate rows."
grain = ["shop_id", "column_name"]
materialized = "table"
[columns]
column_name = "Column of marts.order_lines"
position = "Place of the column, from 1"
column_kind = "number, text, date or timestamp; only numbers have mean, deviation and quartiles"
lines = "Order lines of the shop"
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
[[checks]]
name = "lines_match"
level = "fail"
sentence = "The profile counts other lines than order_lines has"
sql = '''
select p.shop_id, p.column_name, p.lines, l.lines as order_lines
from marts.column_profile as p
left join (select shop_id, count(*) as lines from marts.order_lines group by shop_id) as l
    on p.shop_id = l.shop_id
where p.lines is distinct from l.lines
'''
*/
with order_lines as (
    select
        shop_id,
        order_id,
        product_id,
        product_name,
        category,
        quantity,
        net_quantity,
        unit_price,
        price_band,
        revenue,
        currency,
        status,
        ordered_local,
        order_date,
        order_month_date,
        order_hour,
        order_weekday,
        daypart,
        customer_id,
        customer_key_kind,
        city,
        region,
        postal_code,
        country,
        platform
    from marts.order_lines
),

-- each column is grouped by value first: most columns have few
counts as (
    select
        shop_id,
        1 as position,
        'order_id' as column_name,
        'text' as column_kind,
        order_id as value,
        cast(null as numeric(28, 4)) as number,
        count(*) as lines
    from order_lines
    group by shop_id, order_id
    union all
    select
        shop_id,
        2 as position,
        'product_id' as column_name,
        'text' as column_kind,
        product_id as value,
        cast(null as numeric(28, 4)) as number,
        count(*) as lines
    from order_lines
    group by shop_id, product_id
    union all
    select
        shop_id,
        3 as position,
        'product_name' as column_name,
        'text' as column_kind,
        product_name as value,
        cast(null as numeric(28, 4)) as number,
        count(*) as lines
    from order_lines
    group by shop_id, product_name
    union all
    select
        shop_id,
        4 as position,
        'category' as column_name,
        'text' as column_kind,
        category as value,
        cast(null as numeric(28, 4)) as number,
        count(*) as lines
    from order_lines
    group by shop_id, category
    union all
    select
        shop_id,
        5 as position,
        'quantity' as column_name,
        'number' as column_kind,
        cast(quantity as text) as value,
        cast(quantity as numeric(28, 4)) as number,
        count(*) as lines
    from order_lines
    group by shop_id, quantity
    union all
    select
        shop_id,
        6 as position,
        'net_quantity' as column_name,
        'number' as column_kind,
        cast(net_quantity as text) as value,
        cast(net_quantity as numeric(28, 4)) as number,
        count(*) as lines
    from order_lines
    group by shop_id, net_quantity
    union all
    select
        shop_id,
        7 as position,
        'unit_price' as column_name,
        'number' as column_kind,
        cast(unit_price as text) as value,
        cast(unit_price as numeric(28, 4)) as number,
        count(*) as lines
    from order_lines
    group by shop_id, unit_price
    union all
    select
        shop_id,
        8 as position,
        'price_band' as column_name,
        'text' as column_kind,
        price_band as value,
        cast(null as numeric(28, 4)) as number,
        count(*) as lines
    from order_lines
    group by shop_id, price_band
    union all
    select
        shop_id,
        9 as position,
        'revenue' as column_name,
        'number' as column_kind,
        cast(revenue as text) as value,
        cast(revenue as numeric(28, 4)) as number,
        count(*) as lines
    from order_lines
    group by shop_id, revenue
    union all
    select
        shop_id,
        10 as position,
        'currency' as column_name,
        'text' as column_kind,
        currency as value,
        cast(null as numeric(28, 4)) as number,
        count(*) as lines
    from order_lines
    group by shop_id, currency
    union all
    select
        shop_id,
        11 as position,
        'status' as column_name,
        'text' as column_kind,
        status as value,
        cast(null as numeric(28, 4)) as number,
        count(*) as lines
    from order_lines
    group by shop_id, status
    union all
    select
        shop_id,
        12 as position,
        'ordered_local' as column_name,
        'timestamp' as column_kind,
        to_char(ordered_local, 'YYYY-MM-DD HH24:MI:SS') as value,
        cast(null as numeric(28, 4)) as number,
        count(*) as lines
    from order_lines
    group by shop_id, ordered_local
    union all
    select
        shop_id,
        13 as position,
        'order_date' as column_name,
        'date' as column_kind,
        to_char(cast(order_date as timestamp), 'YYYY-MM-DD') as value,
        cast(null as numeric(28, 4)) as number,
        count(*) as lines
    from order_lines
    group by shop_id, order_date
    union all
    select
        shop_id,
        14 as position,
        'order_month_date' as column_name,
        'date' as column_kind,
        to_char(cast(order_month_date as timestamp), 'YYYY-MM-DD') as value,
        cast(null as numeric(28, 4)) as number,
        count(*) as lines
    from order_lines
    group by shop_id, order_month_date
    union all
    select
        shop_id,
        15 as position,
        'order_hour' as column_name,
        'number' as column_kind,
        cast(order_hour as text) as value,
        cast(order_hour as numeric(28, 4)) as number,
        count(*) as lines
    from order_lines
    group by shop_id, order_hour
    union all
    select
        shop_id,
        16 as position,
        'order_weekday' as column_name,
        'number' as column_kind,
        cast(order_weekday as text) as value,
        cast(order_weekday as numeric(28, 4)) as number,
        count(*) as lines
    from order_lines
    group by shop_id, order_weekday
    union all
    select
        shop_id,
        17 as position,
        'daypart' as column_name,
        'text' as column_kind,
        daypart as value,
        cast(null as numeric(28, 4)) as number,
        count(*) as lines
    from order_lines
    group by shop_id, daypart
    union all
    select
        shop_id,
        18 as position,
        'customer_id' as column_name,
        'text' as column_kind,
        customer_id as value,
        cast(null as numeric(28, 4)) as number,
        count(*) as lines
    from order_lines
    group by shop_id, customer_id
    union all
    select
        shop_id,
        19 as position,
        'customer_key_kind' as column_name,
        'text' as column_kind,
        customer_key_kind as value,
        cast(null as numeric(28, 4)) as number,
        count(*) as lines
    from order_lines
    group by shop_id, customer_key_kind
    union all
    select
        shop_id,
        20 as position,
        'city' as column_name,
        'text' as column_kind,
        city as value,
        cast(null as numeric(28, 4)) as number,
        count(*) as lines
    from order_lines
    group by shop_id, city
    union all
    select
        shop_id,
        21 as position,
        'region' as column_name,
        'text' as column_kind,
        region as value,
        cast(null as numeric(28, 4)) as number,
        count(*) as lines
    from order_lines
    group by shop_id, region
    union all
    select
        shop_id,
        22 as position,
        'postal_code' as column_name,
        'text' as column_kind,
        postal_code as value,
        cast(null as numeric(28, 4)) as number,
        count(*) as lines
    from order_lines
    group by shop_id, postal_code
    union all
    select
        shop_id,
        23 as position,
        'country' as column_name,
        'text' as column_kind,
        country as value,
        cast(null as numeric(28, 4)) as number,
        count(*) as lines
    from order_lines
    group by shop_id, country
    union all
    select
        shop_id,
        24 as position,
        'platform' as column_name,
        'text' as column_kind,
        platform as value,
        cast(null as numeric(28, 4)) as number,
        count(*) as lines
    from order_lines
    group by shop_id, platform
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
