/*
about = "Each purchase with the segment of the customer who made it: one row per order and segmentation of customers. Purchases without a customer have none."
grain = ["shop_id", "order_id", "segmentation"]
materialized = "view"
[[checks]]
check = "references"
table = "marts.segments"
on = ["shop_id", "segmentation", "segment_id", "segment_name"]
[[checks]]
check = "sums_match"
table = "marts.segment_profiles"
by = ["shop_id", "segmentation", "segment_id"]
sums = ["count(*) = orders"]
where_there = "orders > 0 and segmentation in (select segmentation from marts.customer_segments)"
*/
with customer_segments as (
    select
        shop_id,
        customer_id,
        segmentation,
        segment_id,
        segment_name
    from marts.customer_segments
),

orders as (
    select
        shop_id,
        order_id,
        customer_id
    from marts.orders
    where customer_id is not null and is_purchase
)

select
    orders.shop_id,
    orders.order_id,
    customer_segments.segmentation,
    customer_segments.segment_id,
    customer_segments.segment_name
from orders
inner join customer_segments
    on
        orders.shop_id = customer_segments.shop_id
        and orders.customer_id = customer_segments.customer_id
