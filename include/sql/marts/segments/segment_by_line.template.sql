/*
about = "$about"
grain = ["shop_id", "segmentation", "segment_id", "$key"]
materialized = "table"

[columns]
orders = "Purchases of the segment that hold the $noun; an order can count for several"
lines = "Product lines of the segment $of_noun"
units = "Units on those lines"
revenue = "Revenue of the segment $of_noun; that of lines that are no product too"
"${share}_share" = "$measure / all $measure of the segment, 0 to 1; $adds_up"
customers = "Customers of the segment who bought $of_noun; one can count for several"
customer_share = "customers / all customers of the segment, 0 to 1; null where the source knows no customers"
order_share = "orders / all orders of the segment, 0 to 1: how many of them hold the $noun; an order can hold several"
revenue_share = "revenue / all revenue of the segment; null where it is no such part: below 0, or above all of it"
"overall_${share}_share" = "The same share over all segments of the segmentation"
"${share}_index" = "${share}_share / overall_${share}_share: above 1 = more typical of this segment than of the shop"

[[measures]]
names = ["lines", "units", "revenue"]
rows = "own"
check = "sums_match_segment_profiles"
[[measures]]
names = ["orders"]
rows = "part"
table = "marts.segment_profiles"
by = ["shop_id", "segmentation", "segment_id"]
[[measures]]
names = ["customers"]
rows = "part"
table = "marts.segment_totals"
by = ["shop_id", "segmentation", "segment_id"]

[[checks]]
check = "sums_match"
table = "marts.segment_profiles"
by = ["shop_id", "segmentation", "segment_id"]
sums = ["lines", "units", "revenue"]
where_there = "orders > 0 and segmentation in (select segmentation from marts.$labels)"
[[checks]]
check = "share_of"
name = "shares_are_of_the_segment"
shares = ["${share}_share = $measure", "$of_units", "revenue_share = revenue"]
by = ["shop_id", "segmentation", "segment_id"]

[[each]]
whose = "segment"
members = "orders"
labels = "order_segments"
id = "order_id"
customers = "count(distinct parts.buyer)"
orders = "1"
sum = ""
max = ""
grouped = []
[[each]]
whose = "customer_segment"
members = "customers"
labels = "customer_segments"
id = "customer_id"
customers = "count(*)"
orders = "count(*)"
sum = "sum"
max = "max"
grouped = ["customer_id"]

[[marts]]
name = "${whose}_by_category"
about = "Which categories each segment of $members buys, beside the shop as a whole."
key = "category"
read = ["category"]
attributes = []
noun = "category"
of_noun = "of the category"
measure = "lines"
share = "line"
adds_up = "sums to 1 per segment"
of_units = ["unit_share = units"]
more = ["unit"]
columns.unit_share = "units / all units of the segment; null where it is no such part: below 0, or above all of them"
[[marts]]
name = "${whose}_by_brand"
about = "Which brands each segment of $members buys, beside the shop as a whole; what names no brand is 'unknown'."
key = "brand"
read = ["coalesce(brand, 'unknown') as brand"]
attributes = []
noun = "brand"
of_noun = "of the brand"
measure = "lines"
share = "line"
adds_up = "sums to 1 per segment"
of_units = ["unit_share = units"]
more = ["unit"]
columns.unit_share = "units / all units of the segment; null where it is no such part: below 0, or above all of them"
columns.brand = "The brand as the source writes it, or 'unknown'"
[[marts]]
name = "${whose}_by_price_band"
about = "Which price bands each segment of $members buys in, beside the shop as a whole."
key = "price_band"
read = ["price_band"]
attributes = ["price_band_number"]
noun = "price band"
of_noun = "in the price band"
measure = "lines"
share = "line"
adds_up = "sums to 1 per segment"
of_units = ["unit_share = units"]
more = ["unit"]
columns.unit_share = "units / all units of the segment; null where it is no such part: below 0, or above all of them"
[[marts]]
name = "${whose}_product_units"
about = "How many units of each product each segment of $members buys, beside the shop as a whole."
key = "product_id"
read = ["product_id"]
attributes = ["product_name", "category"]
noun = "product"
of_noun = "of the product"
measure = "units"
share = "unit"
adds_up = "null where it is no such part: below 0, or above all of them"
of_units = []
more = []
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

order_lines as (
    select
        shop_id,
        order_id,
        -- for column in read
        $column,
        -- end
        -- for attribute in attributes
        $attribute,
        -- end
        case when line_kind = 'product' then 1 else 0 end as is_product,
        net_quantity,
        revenue
    from marts.order_lines
),

orders as (
    select
        shop_id,
        order_id,
        customer_id
    from marts.orders
    where is_purchase
),

-- lines become one row per order before anything is joined: orders and customers then need no
-- `distinct`, which on 0.5 million lines and five segmentations took most of the time
order_parts as (
    select
        shop_id,
        order_id,
        $key,
        -- for attribute in attributes
        max($attribute) as $attribute,
        -- end
        sum(is_product) as lines,
        sum(is_product * net_quantity) as units,
        sum(revenue) as revenue
    from order_lines
    group by
        order_id,
        $key,
        shop_id
),

parts as (
    select
        order_parts.shop_id,
        orders.$id,
        order_parts.$key,
        -- for attribute in attributes
        ${max}(order_parts.$attribute) as $attribute,
        -- end
        ${max}(orders.customer_id) as buyer,
        $orders as orders,
        ${sum}(order_parts.lines) as lines,
        ${sum}(order_parts.units) as units,
        ${sum}(order_parts.revenue) as revenue
    from order_parts
    inner join orders
        on
            order_parts.shop_id = orders.shop_id
            and order_parts.order_id = orders.order_id
    -- for member in grouped
    group by
        order_parts.$key,
        orders.$member,
        order_parts.shop_id
    -- end
),

-- attributes belong to their key, but a code that is no product may come with several names
cells as (
    select
        labels.shop_id,
        labels.segmentation,
        labels.segment_id,
        labels.segment_name,
        parts.$key,
        -- for attribute in attributes
        max(parts.$attribute) as $attribute,
        -- end
        $customers as customers,
        sum(parts.orders) as orders,
        sum(parts.lines) as lines,
        sum(parts.units) as units,
        sum(parts.revenue) as revenue
    from labels
    inner join parts
        on
            labels.shop_id = parts.shop_id
            and labels.$id = parts.$id
    group by
        parts.$key,
        labels.segment_id,
        labels.segmentation,
        labels.segment_name,
        labels.shop_id
),

totals as (
    select
        *,
        cast($measure as numeric(38, 12)) as part,
        sum($measure) over (partition by segment_id, segmentation, shop_id) as whole,
        cast(sum($measure) over (
            partition by
                $key,
                segmentation,
                shop_id
        ) as numeric(38, 12)) as overall_part,
        sum($measure) over (partition by shop_id, segmentation) as overall_whole,
        sum(units) over (partition by segment_id, segmentation, shop_id) as all_units,
        sum(revenue) over (partition by segment_id, segmentation, shop_id) as all_revenue
    from cells
),

shares as (
    select
        *,
        case
            when part between 0 and whole and whole > 0 then part / whole
        end as ${share}_share,
        case
            when overall_part between 0 and overall_whole and overall_whole > 0
                then overall_part / overall_whole
        end as overall_${share}_share,
        -- for of in more
        case
            when ${of}s between 0 and all_${of}s and all_${of}s > 0
                then cast(${of}s as numeric(38, 12)) / all_${of}s
        end as ${of}_share,
        -- end
        case
            when revenue between 0 and all_revenue and all_revenue > 0
                then cast(revenue as numeric(38, 12)) / all_revenue
        end as revenue_share
    from totals
),

segments as (
    select
        shop_id,
        segmentation,
        segment_id,
        customers,
        orders
    from marts.segment_totals
)

select
    shares.shop_id,
    shares.segmentation,
    shares.segment_id,
    shares.segment_name,
    shares.$key,
    -- for attribute in attributes
    shares.$attribute,
    -- end
    cast(shares.orders as bigint) as orders,
    cast(shares.lines as bigint) as lines,
    cast(shares.units as bigint) as units,
    cast(shares.revenue as numeric(28, 4)) as revenue,
    cast(round(shares.${share}_share, 8) as double precision) as ${share}_share,
    cast(round(shares.overall_${share}_share, 8) as double precision) as overall_${share}_share,
    cast(
        round(
            shares.${share}_share / nullif(shares.overall_${share}_share, 0), 8
        ) as double precision
    ) as ${share}_index,
    shares.customers,
    cast(
        round(
            cast(shares.customers as numeric(38, 12)) / nullif(segments.customers, 0), 8
        ) as double precision
    ) as customer_share,
    cast(
        round(
            cast(shares.orders as numeric(38, 12)) / nullif(segments.orders, 0), 8
        ) as double precision
    ) as order_share,
    -- for of in more
    cast(round(shares.${of}_share, 8) as double precision) as ${of}_share,
    -- end
    cast(round(shares.revenue_share, 8) as double precision) as revenue_share
from shares
left join segments
    on
        shares.shop_id = segments.shop_id
        and shares.segmentation = segments.segmentation
        and shares.segment_id = segments.segment_id
