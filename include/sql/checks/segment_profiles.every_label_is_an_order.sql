/*
level = "fail"
sentence = "A label belongs to no purchase"
*/
select
    labels.shop_id,
    labels.order_id,
    labels.segmentation,
    labels.segment_id
from marts.order_segments as labels
where not exists (
    select 1
    from marts.orders
    where
        orders.shop_id = labels.shop_id
        and orders.order_id = labels.order_id
        and orders.is_purchase
)
