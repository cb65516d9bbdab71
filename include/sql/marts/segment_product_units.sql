/*
about = "How many units of each product each segment buys, beside the shop as a whole."
grain = ["shop_id", "segmentation", "segment_id", "product_id"]
materialized = "table"
[columns]
orders = "Orders of the segment that hold the product; an order can count for several"
lines = "Order lines of the segment of the product"
units = "Units on those lines"
revenue = "Revenue of those lines"
unit_share = "units / all units of the segment, 0 to 1; null when the segment has 0; sums to 1 per segment"
overall_unit_share = "The same share over all segments of the segmentation"
unit_index = "unit_share / overall_unit_share: above 1 = more typical of this segment than of the shop"
[[checks]]
name = "sums_match_segments"
level = "fail"
sentence = "Lines, units or revenue of a segment differ from its profile, or its shares do not sum to 1"
sql = '''
select s.shop_id, s.segmentation, s.segment_id, s.lines, x.lines as mart_lines, x.unit_share
from (
    select shop_id, segmentation, segment_id, sum(lines) as lines, sum(units) as units,
        sum(revenue) as revenue, sum(unit_share) as unit_share
    from marts.segment_product_units group by shop_id, segmentation, segment_id
) as x
full join (
    select * from marts.segment_profiles
    where orders > 0 and segmentation in (select segmentation from marts.order_segments)
) as s on s.shop_id = x.shop_id and s.segmentation = x.segmentation and s.segment_id = x.segment_id
where s.lines is distinct from x.lines or s.units is distinct from x.units
    or s.revenue is distinct from x.revenue or abs(x.unit_share - 1) > 0.00001
'''
*/
with order_segments as (
    select
        shop_id,
        order_id,
        segmentation,
        segment_id,
        segment_name
    from marts.order_segments
),

order_lines as (
    select
        shop_id,
        order_id,
        product_id,
        product_name,
        category,
        net_quantity,
        revenue
    from marts.order_lines
),

cells as (
    select
        order_segments.shop_id,
        order_segments.segmentation,
        order_segments.segment_id,
        order_segments.segment_name,
        order_lines.product_id,
        -- a code that is no product may come with several names
        max(order_lines.product_name) as product_name,
        max(order_lines.category) as category,
        count(distinct order_segments.order_id) as orders,
        count(*) as lines,
        sum(order_lines.net_quantity) as units,
        sum(order_lines.revenue) as revenue
    from order_segments
    inner join order_lines
        on
            order_segments.shop_id = order_lines.shop_id
            and order_segments.order_id = order_lines.order_id
    group by
        order_segments.shop_id,
        order_segments.segmentation,
        order_segments.segment_id,
        order_segments.segment_name,
        order_lines.product_id
),

shares as (
    select
        *,
        cast(units as numeric(38, 12)) / nullif(sum(units) over (
            partition by shop_id, segmentation, segment_id
        ), 0) as unit_share,
        cast(sum(units) over (
            partition by shop_id, segmentation, product_id
        ) as numeric(38, 12)) / nullif(sum(units) over (
            partition by shop_id, segmentation
        ), 0) as overall_unit_share
    from cells
)

select
    shop_id,
    segmentation,
    segment_id,
    segment_name,
    product_id,
    product_name,
    category,
    orders,
    lines,
    cast(units as bigint) as units,
    cast(revenue as numeric(28, 4)) as revenue,
    cast(round(unit_share, 8) as double precision) as unit_share,
    cast(round(overall_unit_share, 8) as double precision) as overall_unit_share,
    cast(
        round(unit_share / nullif(overall_unit_share, 0), 8) as double precision
    ) as unit_index
from shares
