/*
about = "$about"
grain = ["shop_id", "segmentation", "segment_id", "$keys"]
materialized = "table"
measures = ["$bound"]
checks = [
    "$totals",
    { check = "share_of", shares = ["order_share = orders"], by = ["shop_id", "segmentation", "segment_id"] },
]

[columns]
orders = "Purchases of the segment $where"
units = "Units of those orders"
revenue = "Revenue of those orders"
order_share = "orders / all orders of the segment that have a row, 0 to 1; sums to 1 per segment"
overall_order_share = "The same share over all segments of the segmentation"
order_index = "order_share / overall_order_share: above 1 = more typical of this segment than of the shop"

[[each]]
whose = "segment"
members = "orders"
labels = "order_segments"
[[each]]
whose = "customer_segment"
members = "customers"
labels = "customer_order_segments"

[[marts]]
name = "${whose}_by_city"
about = "Where the orders of each segment of $members went, beside the shop as a whole."
where = "to the city"
keys = ["country", "region", "city"]
attributes = []
totals = [{ check = "sums_match", table = "marts.$labels", by = ["shop_id", "segmentation", "segment_id"], sums = ["orders = count(*)"] }]
bound = [
    { names = ["orders"], rows = "own", check = "sums_match_$labels" },
    { names = ["units", "revenue"], rows = "whole", table = "marts.segment_profiles", by = ["shop_id", "segmentation", "segment_id"], only_here = true },
]
only = []
read = [
    "coalesce(country, 'unknown') as country",
    "coalesce(region, 'unknown') as region",
    "coalesce(city, 'unknown') as city",
]
columns.country = "Country of the delivery address; 'unknown' where there is none"
columns.region = "State or region of the delivery address; 'unknown' where there is none"
columns.city = "City of the delivery address; 'unknown' where there is none"
[[marts]]
name = "${whose}_by_hour"
about = "At which hours the orders of each segment of $members came, beside the shop as a whole; hours without orders have no row, nor have orders whose source tells the date alone."
where = "in the hour"
keys = ["order_hour"]
attributes = ["daypart"]
totals = []
bound = [
    { names = ["orders", "units", "revenue"], rows = "own", check = "orders_with_an_hour" },
]
only = ["order_hour is not null"]
read = ["order_hour", "daypart"]
[[marts]]
name = "${whose}_by_month"
about = "In which months the orders of each segment of $members came, beside the shop as a whole."
where = "in the month"
keys = ["order_month_date"]
attributes = []
totals = [{ check = "sums_match", table = "marts.$labels", by = ["shop_id", "segmentation", "segment_id"], sums = ["orders = count(*)"] }]
bound = [
    { names = ["orders"], rows = "own", check = "sums_match_$labels" },
    { names = ["units", "revenue"], rows = "whole", table = "marts.segment_profiles", by = ["shop_id", "segmentation", "segment_id"], only_here = true },
]
only = []
read = ["order_month_date"]
*/
with labels as (
    select
        shop_id,
        order_id,
        segmentation,
        segment_id,
        segment_name
    from marts.$labels
),

orders as (
    select
        shop_id,
        order_id,
        -- for column in read
        $column,
        -- end
        units,
        revenue
    from marts.orders
    -- for condition in only
    where $condition
    -- end
),

cells as (
    select
        labels.shop_id,
        labels.segmentation,
        labels.segment_id,
        labels.segment_name,
        -- for key in keys
        orders.$key,
        -- end
        -- for attribute in attributes
        max(orders.$attribute) as $attribute,
        -- end
        count(*) as orders,
        sum(orders.units) as units,
        sum(orders.revenue) as revenue
    from labels
    inner join orders
        on
            labels.shop_id = orders.shop_id
            and labels.order_id = orders.order_id
    group by
        labels.shop_id,
        labels.segmentation,
        labels.segment_id,
        -- for key in keys
        orders.$key,
        -- end
        labels.segment_name
),

shares as (
    select
        *,
        cast(orders as numeric(38, 12)) / sum(orders) over (
            partition by shop_id, segmentation, segment_id
        ) as order_share,
        cast(sum(orders) over (
            partition by
                shop_id,
                -- for key in keys
                $key,
                -- end
                segmentation
        ) as numeric(38, 12)) / sum(orders) over (
            partition by shop_id, segmentation
        ) as overall_order_share
    from cells
)

select
    shop_id,
    segmentation,
    segment_id,
    segment_name,
    -- for key in keys
    $key,
    -- end
    -- for attribute in attributes
    $attribute,
    -- end
    orders,
    cast(units as bigint) as units,
    cast(revenue as numeric(28, 4)) as revenue,
    cast(round(order_share, 8) as double precision) as order_share,
    cast(round(overall_order_share, 8) as double precision) as overall_order_share,
    cast(round(order_share / overall_order_share, 8) as double precision) as order_index
from shares
