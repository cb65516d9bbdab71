/*
level = "fail"
sentence = "An order has no segment, or several, in a segmentation of its shop"
*/
with segmentations as (
    select distinct
        shop_id,
        segmentation
    from marts.order_segments
)

select
    orders.shop_id,
    orders.order_id,
    segmentations.segmentation,
    count(labels.segment_id) as labels
from marts.orders
inner join segmentations on orders.shop_id = segmentations.shop_id
left join marts.order_segments as labels
    on
        orders.shop_id = labels.shop_id
        and orders.order_id = labels.order_id
        and segmentations.segmentation = labels.segmentation
group by orders.shop_id, orders.order_id, segmentations.segmentation
having count(labels.segment_id) <> 1
