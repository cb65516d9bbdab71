/*
level = "fail"
sentence = "A label belongs to no order, or names a segment that is not described"
*/
select
    labels.shop_id,
    labels.order_id,
    labels.segmentation,
    labels.segment_id
from marts.order_segments as labels
left join marts.orders
    on
        labels.shop_id = orders.shop_id
        and labels.order_id = orders.order_id
left join marts.segments
    on
        labels.shop_id = segments.shop_id
        and labels.segmentation = segments.segmentation
        and labels.segment_id = segments.segment_id
        and labels.segment_name = segments.segment_name
where
    orders.order_id is null
    or segments.segment_id is null
