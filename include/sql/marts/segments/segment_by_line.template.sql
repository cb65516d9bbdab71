/*
about = "$about"
grain = ["shop_id", "segmentation", "segment_id", "$keys"]
materialized = "table"

[columns]
orders = "Purchases of the segment that hold the $noun; an order can count for several"
lines = "Product lines of the segment $of_noun"
units = "Units on those lines"
revenue = "Revenue of the segment $of_noun; that of lines that are no product too"
"${share}_share" = "$measure / all $measure of the segment, 0 to 1; $adds_up"
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

[[checks]]
check = "sums_match"
table = "marts.segment_profiles"
by = ["shop_id", "segmentation", "segment_id"]
sums = ["lines", "units", "revenue"]
where_there = "orders > 0 and segmentation in (select segmentation from marts.$labels)"
[[checks]]
check = "share_of"
shares = ["${share}_share = $measure"]
by = ["shop_id", "segmentation", "segment_id"]

[[each]]
whose = "segment"
members = "orders"
labels = "order_segments"
[[each]]
whose = "customer_segment"
members = "customers"
labels = "customer_order_segments"

[[marts]]
name = "${whose}_by_category"
about = "Which categories each segment of $members buys, beside the shop as a whole."
keys = ["category"]
attributes = []
noun = "category"
of_noun = "of the category"
measure = "lines"
share = "line"
adds_up = "sums to 1 per segment"
[[marts]]
name = "${whose}_by_price_band"
about = "Which price bands each segment of $members buys in, beside the shop as a whole."
keys = ["price_band"]
attributes = ["price_band_number"]
noun = "price band"
of_noun = "in the price band"
measure = "lines"
share = "line"
adds_up = "sums to 1 per segment"
[[marts]]
name = "${whose}_product_units"
about = "How many units of each product each segment of $members buys, beside the shop as a whole."
keys = ["product_id"]
attributes = ["product_name", "category"]
noun = "product"
of_noun = "of the product"
measure = "units"
share = "unit"
adds_up = "null where it is no such part: below 0, or above all of them"
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

order_lines as (
    select
        shop_id,
        order_id,
        -- for key in keys
        $key,
        -- end
        -- for attribute in attributes
        $attribute,
        -- end
        case when line_kind = 'product' then 1 else 0 end as is_product,
        net_quantity,
        revenue
    from marts.order_lines
),

-- attributes belong to their key, but a code that is no product may come with several names
cells as (
    select
        labels.shop_id,
        labels.segmentation,
        labels.segment_id,
        labels.segment_name,
        -- for key in keys
        order_lines.$key,
        -- end
        -- for attribute in attributes
        max(order_lines.$attribute) as $attribute,
        -- end
        count(distinct labels.order_id) as orders,
        sum(order_lines.is_product) as lines,
        sum(order_lines.is_product * order_lines.net_quantity) as units,
        sum(order_lines.revenue) as revenue
    from labels
    inner join order_lines
        on
            labels.shop_id = order_lines.shop_id
            and labels.order_id = order_lines.order_id
    group by
        labels.shop_id,
        labels.segmentation,
        labels.segment_id,
        -- for key in keys
        order_lines.$key,
        -- end
        labels.segment_name
),

totals as (
    select
        *,
        cast($measure as numeric(38, 12)) as part,
        sum($measure) over (partition by shop_id, segmentation, segment_id) as whole,
        cast(sum($measure) over (
            partition by
                shop_id,
                -- for key in keys
                $key,
                -- end
                segmentation
        ) as numeric(38, 12)) as overall_part,
        sum($measure) over (partition by shop_id, segmentation) as overall_whole
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
        end as overall_${share}_share
    from totals
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
    lines,
    cast(units as bigint) as units,
    cast(revenue as numeric(28, 4)) as revenue,
    cast(round(${share}_share, 8) as double precision) as ${share}_share,
    cast(round(overall_${share}_share, 8) as double precision) as overall_${share}_share,
    cast(
        round(${share}_share / nullif(overall_${share}_share, 0), 8) as double precision
    ) as ${share}_index
from shares
