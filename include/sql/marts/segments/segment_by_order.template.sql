/*
about = "$about"
grain = ["shop_id", "segmentation", "segment_id", "$keys"]
materialized = "table"
measures = [
    "$bound",
    { names = ["customers"], rows = "part", table = "marts.segment_totals", by = ["shop_id", "segmentation", "segment_id"] },
]
checks = [
    "$totals",
    { check = "share_of", shares = ["order_share = orders", "unit_share = units", "revenue_share = revenue"], by = ["shop_id", "segmentation", "segment_id"], name = "shares_are_of_the_segment" },
]

[columns]
orders = "Purchases of the segment $where"
units = "Units of those orders"
revenue = "Revenue of those orders"
customers = "Customers of the segment $where; one can count for several"
customer_share = "customers / all customers of the segment, 0 to 1; null where the source knows no customers"
unit_share = "units / the units of all the segment's orders that have a row; null where it is no such part: below 0, or above all of them"
revenue_share = "revenue / the revenue of all the segment's orders that have a row; null where it is no such part: below 0, or above all of it"
order_share = "orders / all orders of the segment that have a row, 0 to 1; sums to 1 per segment"
overall_order_share = "The same share over all segments of the segmentation"
order_index = "order_share / overall_order_share: above 1 = more typical of this segment than of the shop"

[[each]]
whose = "segment"
members = "orders"
labels = "order_segments"
orders_of = "order_segments"
id = "order_id"
customers = "count(distinct parts.buyer)"
[[each]]
whose = "customer_segment"
members = "customers"
labels = "customer_segments"
orders_of = "customer_order_segments"
id = "customer_id"
customers = "count(*)"

[[marts]]
name = "${whose}_by_city"
about = "Where the orders of each segment of $members went, beside the shop as a whole."
where = "to the city"
keys = ["country", "region", "city"]
attributes = []
totals = [{ check = "sums_match", table = "marts.$orders_of", by = ["shop_id", "segmentation", "segment_id"], sums = ["orders = count(*)"] }]
bound = [
    { names = ["orders"], rows = "own", check = "sums_match_$orders_of" },
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
name = "${whose}_by_country"
about = "To which countries the orders of each segment of $members went, beside the shop as a whole."
where = "to the country"
keys = ["country"]
attributes = []
totals = [{ check = "sums_match", table = "marts.$orders_of", by = ["shop_id", "segmentation", "segment_id"], sums = ["orders = count(*)"] }]
bound = [
    { names = ["orders"], rows = "own", check = "sums_match_$orders_of" },
    { names = ["units", "revenue"], rows = "whole", table = "marts.segment_profiles", by = ["shop_id", "segmentation", "segment_id"], only_here = true },
]
only = []
read = ["coalesce(country, 'unknown') as country"]
columns.country = "Country of the delivery address; 'unknown' where there is none"
[[marts]]
name = "${whose}_by_platform"
about = "Where the orders of each segment of $members were placed (web, app ...), beside the shop as a whole."
where = "placed there"
keys = ["platform"]
attributes = []
totals = [{ check = "sums_match", table = "marts.$orders_of", by = ["shop_id", "segmentation", "segment_id"], sums = ["orders = count(*)"] }]
bound = [
    { names = ["orders"], rows = "own", check = "sums_match_$orders_of" },
    { names = ["units", "revenue"], rows = "whole", table = "marts.segment_profiles", by = ["shop_id", "segmentation", "segment_id"], only_here = true },
]
only = []
read = ["coalesce(platform, 'unknown') as platform"]
columns.platform = "Where the order was placed; 'unknown' where the source does not say"
[[marts]]
name = "${whose}_by_weekday"
about = "On which weekdays the orders of each segment of $members came, beside the shop as a whole."
where = "on the weekday"
keys = ["order_weekday"]
attributes = []
totals = [{ check = "sums_match", table = "marts.$orders_of", by = ["shop_id", "segmentation", "segment_id"], sums = ["orders = count(*)"] }]
bound = [
    { names = ["orders"], rows = "own", check = "sums_match_$orders_of" },
    { names = ["units", "revenue"], rows = "whole", table = "marts.segment_profiles", by = ["shop_id", "segmentation", "segment_id"], only_here = true },
]
only = []
read = ["order_weekday"]
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
totals = [{ check = "sums_match", table = "marts.$orders_of", by = ["shop_id", "segmentation", "segment_id"], sums = ["orders = count(*)"] }]
bound = [
    { names = ["orders"], rows = "own", check = "sums_match_$orders_of" },
    { names = ["units", "revenue"], rows = "whole", table = "marts.segment_profiles", by = ["shop_id", "segmentation", "segment_id"], only_here = true },
]
only = []
read = ["order_month_date"]
*/
with labels as (
    select
        shop_id,
        $id,
        segmentation,
        segment_id,
        segment_name
    from marts.$labels
),

orders as (
    select
        shop_id,
        order_id,
        customer_id,
        -- for column in read
        $column,
        -- end
        units,
        revenue
    from marts.orders
    where
        is_purchase
        -- for condition in only
        and $condition
        -- end
),

-- what a member has is summed once, however many segmentations there are
parts as (
    select
        shop_id,
        $id,
        -- for key in keys
        $key,
        -- end
        -- for attribute in attributes
        max($attribute) as $attribute,
        -- end
        max(customer_id) as buyer,
        count(*) as orders,
        sum(units) as units,
        sum(revenue) as revenue
    from orders
    group by
        shop_id,
        -- for key in keys
        $key,
        -- end
        $id
),

cells as (
    select
        labels.shop_id,
        labels.segmentation,
        labels.segment_id,
        labels.segment_name,
        -- for key in keys
        parts.$key,
        -- end
        -- for attribute in attributes
        max(parts.$attribute) as $attribute,
        -- end
        $customers as customers,
        sum(parts.orders) as orders,
        sum(parts.units) as units,
        sum(parts.revenue) as revenue
    from labels
    inner join parts
        on
            labels.shop_id = parts.shop_id
            and labels.$id = parts.$id
    group by
        labels.shop_id,
        labels.segmentation,
        labels.segment_id,
        -- for key in keys
        parts.$key,
        -- end
        labels.segment_name
),

wholes as (
    select
        *,
        sum(units) over (partition by shop_id, segmentation, segment_id) as all_units,
        sum(revenue) over (partition by shop_id, segmentation, segment_id) as all_revenue
    from cells
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
        ) as overall_order_share,
        case
            when units between 0 and all_units and all_units > 0
                then cast(units as numeric(38, 12)) / all_units
        end as unit_share,
        case
            when revenue between 0 and all_revenue and all_revenue > 0
                then cast(revenue as numeric(38, 12)) / all_revenue
        end as revenue_share
    from wholes
),

segments as (
    select
        shop_id,
        segmentation,
        segment_id,
        customers
    from marts.segment_totals
)

select
    shares.shop_id,
    shares.segmentation,
    shares.segment_id,
    shares.segment_name,
    -- for key in keys
    shares.$key,
    -- end
    -- for attribute in attributes
    shares.$attribute,
    -- end
    cast(shares.orders as bigint) as orders,
    cast(shares.units as bigint) as units,
    cast(shares.revenue as numeric(28, 4)) as revenue,
    cast(round(shares.order_share, 8) as double precision) as order_share,
    cast(round(shares.overall_order_share, 8) as double precision) as overall_order_share,
    cast(
        round(shares.order_share / shares.overall_order_share, 8) as double precision
    ) as order_index,
    shares.customers,
    cast(
        round(
            cast(shares.customers as numeric(38, 12)) / nullif(segments.customers, 0), 8
        ) as double precision
    ) as customer_share,
    cast(round(shares.unit_share, 8) as double precision) as unit_share,
    cast(round(shares.revenue_share, 8) as double precision) as revenue_share
from shares
left join segments
    on
        shares.shop_id = segments.shop_id
        and shares.segmentation = segments.segmentation
        and shares.segment_id = segments.segment_id
