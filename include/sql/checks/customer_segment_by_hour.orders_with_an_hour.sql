/*
level = "fail"
sentence = "The orders, units or revenue of a segment by hour are not those of its orders that tell an hour"
*/
with labelled as (
    select
        labels.shop_id,
        labels.segmentation,
        labels.segment_id,
        count(*) as orders,
        sum(orders.units) as units,
        sum(orders.revenue) as revenue
    from marts.customer_order_segments as labels
    inner join marts.orders as orders
        on
            labels.shop_id = orders.shop_id
            and labels.order_id = orders.order_id
    where orders.order_hour is not null
    group by labels.shop_id, labels.segmentation, labels.segment_id
),

told as (
    select
        shop_id,
        segmentation,
        segment_id,
        sum(orders) as orders,
        sum(units) as units,
        sum(revenue) as revenue
    from marts.customer_segment_by_hour
    group by shop_id, segmentation, segment_id
)

select
    coalesce(labelled.shop_id, told.shop_id) as shop_id,
    coalesce(labelled.segmentation, told.segmentation) as segmentation,
    coalesce(labelled.segment_id, told.segment_id) as segment_id,
    labelled.orders as orders_labelled,
    told.orders as orders_told,
    labelled.units as units_labelled,
    told.units as units_told,
    labelled.revenue as revenue_labelled,
    told.revenue as revenue_told
from labelled
full join told
    on
        labelled.shop_id = told.shop_id
        and labelled.segmentation = told.segmentation
        and labelled.segment_id = told.segment_id
where
    labelled.orders is distinct from told.orders
    or labelled.units is distinct from told.units
    or labelled.revenue is distinct from told.revenue
