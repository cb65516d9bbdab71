/*
about = "Which price bands each segment buys in, beside the shop as a whole."
grain = ["shop_id", "segmentation", "segment_id", "price_band"]
materialized = "table"
[columns]
orders = "Orders of the segment that hold the price band; an order can count for several"
lines = "Order lines of the segment in the price band"
units = "Units on those lines"
revenue = "Revenue of those lines"
line_share = "lines / all lines of the segment, 0 to 1; sums to 1 per segment"
overall_line_share = "The same share over all segments of the segmentation"
line_index = "line_share / overall_line_share: above 1 = more typical of this segment than of the shop"
[[checks]]
name = "sums_match_segments"
level = "fail"
sentence = "Lines, units or revenue of a segment differ from its profile, or its shares do not sum to 1"
sql = '''
select s.shop_id, s.segmentation, s.segment_id, s.lines, x.lines as mart_lines, x.line_share
from (
    select shop_id, segmentation, segment_id, sum(lines) as lines, sum(units) as units,
        sum(revenue) as revenue, sum(line_share) as line_share
    from marts.segment_by_price_band group by shop_id, segmentation, segment_id
) as x
full join (
    select * from marts.segment_profiles
    where orders > 0 and segmentation in (select segmentation from marts.order_segments)
) as s on s.shop_id = x.shop_id and s.segmentation = x.segmentation and s.segment_id = x.segment_id
where s.lines is distinct from x.lines or s.units is distinct from x.units
    or s.revenue is distinct from x.revenue or abs(x.line_share - 1) > 0.00001
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
        price_band,
        price_band_number,
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
        order_lines.price_band,
        order_lines.price_band_number,
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
        order_lines.price_band,
        order_lines.price_band_number
),

shares as (
    select
        *,
        cast(lines as numeric(38, 12)) / nullif(sum(lines) over (
            partition by shop_id, segmentation, segment_id
        ), 0) as line_share,
        cast(sum(lines) over (
            partition by shop_id, segmentation, price_band
        ) as numeric(38, 12)) / nullif(sum(lines) over (
            partition by shop_id, segmentation
        ), 0) as overall_line_share
    from cells
)

select
    shop_id,
    segmentation,
    segment_id,
    segment_name,
    price_band,
    price_band_number,
    orders,
    lines,
    cast(units as bigint) as units,
    cast(revenue as numeric(28, 4)) as revenue,
    cast(round(line_share, 8) as double precision) as line_share,
    cast(round(overall_line_share, 8) as double precision) as overall_line_share,
    cast(
        round(line_share / nullif(overall_line_share, 0), 8) as double precision
    ) as line_index
from shares
