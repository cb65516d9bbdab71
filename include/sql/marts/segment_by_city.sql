/*
about = "Where each segment's orders went, beside the shop as a whole."
grain = ["shop_id", "segmentation", "segment_id", "country", "region", "city"]
materialized = "table"
[columns]
country = "Country of the delivery address; 'unknown' where there is none"
region = "State or region of the delivery address; 'unknown' where there is none"
city = "City of the delivery address; 'unknown' where there is none"
orders = "Orders of the segment to the city"
units = "Units of those orders"
revenue = "Revenue of those orders"
order_share = "orders / all orders of the segment, 0 to 1; sums to 1 per segment"
overall_order_share = "The same share over all segments of the segmentation"
order_index = "order_share / overall_order_share: above 1 = more typical of this segment than of the shop"
[[checks]]
name = "orders_match_segments"
level = "fail"
sentence = "Orders of a segment differ from its labels, or its shares do not sum to 1"
sql = '''
select s.shop_id, s.segmentation, s.segment_id, s.orders, x.orders as mart_orders, x.order_share
from (
    select shop_id, segmentation, segment_id, count(*) as orders
    from marts.order_segments group by shop_id, segmentation, segment_id
) as s
full join (
    select shop_id, segmentation, segment_id, sum(orders) as orders, sum(order_share) as order_share
    from marts.segment_by_city group by shop_id, segmentation, segment_id
) as x on s.shop_id = x.shop_id and s.segmentation = x.segmentation and s.segment_id = x.segment_id
where s.orders is distinct from x.orders or abs(x.order_share - 1) > 0.000001
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

orders as (
    select
        shop_id,
        order_id,
        coalesce(country, 'unknown') as country,
        coalesce(region, 'unknown') as region,
        coalesce(city, 'unknown') as city,
        units,
        revenue
    from marts.orders
),

cells as (
    select
        order_segments.shop_id,
        order_segments.segmentation,
        order_segments.segment_id,
        order_segments.segment_name,
        orders.country,
        orders.region,
        orders.city,
        count(*) as orders,
        sum(orders.units) as units,
        sum(orders.revenue) as revenue
    from order_segments
    inner join orders
        on
            order_segments.shop_id = orders.shop_id
            and order_segments.order_id = orders.order_id
    group by
        order_segments.shop_id,
        order_segments.segmentation,
        order_segments.segment_id,
        order_segments.segment_name,
        orders.country,
        orders.region,
        orders.city
),

shares as (
    select
        *,
        cast(orders as numeric(38, 12)) / sum(orders) over (
            partition by shop_id, segmentation, segment_id
        ) as order_share,
        cast(sum(orders) over (
            partition by shop_id, segmentation, country, region, city
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
    country,
    region,
    city,
    orders,
    cast(units as bigint) as units,
    cast(revenue as numeric(28, 4)) as revenue,
    cast(round(order_share, 8) as double precision) as order_share,
    cast(round(overall_order_share, 8) as double precision) as overall_order_share,
    cast(round(order_share / overall_order_share, 8) as double precision) as order_index
from shares
