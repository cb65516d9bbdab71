/*
level = "fail"
sentence = "A purchase has no segment in a segmentation of its shop"
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
    segmentations.segmentation
from marts.orders
inner join segmentations on orders.shop_id = segmentations.shop_id
where orders.is_purchase and not exists (
    select 1
    from marts.order_segments as labels
    where
        labels.shop_id = orders.shop_id
        and labels.order_id = orders.order_id
        and labels.segmentation = segmentations.segmentation
)
