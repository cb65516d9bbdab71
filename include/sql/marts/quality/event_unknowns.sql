/*
about = "How much of a shop's events each column leaves open: nothing is dropped for being unknown, and this says how large that part is."
grain = ["shop_id", "column_name"]
materialized = "table"
[columns]
column_name = "The column of marts.events"
unknown_events = "Events where the column is empty"
unknown_share = "unknown_events / events, 0 to 1"
[[measures]]
names = ["events"]
rows = "whole"
each = ["column_name"]
*/
with counts as (
    select
        shop_id,
        count(*) as events,
        count(product_id) as product_id,
        count(customer_id) as customer_id,
        count(session_id) as session_id,
        count(category_path) as category_path,
        count(brand) as brand,
        count(price) as price,
        count(platform) as platform
    from staging.events
    group by shop_id
),

known as (
    select
        counts.shop_id,
        counts.events,
        columns.column_name,
        columns.known_events
    from counts
    cross join lateral (
        values
        ('product_id', counts.product_id),
        ('customer_id', counts.customer_id),
        ('session_id', counts.session_id),
        ('category_path', counts.category_path),
        ('brand', counts.brand),
        ('price', counts.price),
        ('platform', counts.platform)
    ) as columns (column_name, known_events)
)

select
    shop_id,
    column_name,
    events,
    events - known_events as unknown_events,
    cast(
        cast(events - known_events as numeric(38, 12)) / events as double precision
    ) as unknown_share
from known
