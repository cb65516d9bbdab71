/*
level = "fail"
sentence = "A label belongs to no order, or to one of which nothing was sold: a model of orders reads those of marts.orders that are not is_cancelled"
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
        and not orders.is_cancelled
)
