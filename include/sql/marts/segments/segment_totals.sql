/*
about = "One row per segment with a purchase: how much its purchases are, all together; what the profiles of the segments take their shares of. The orders of a segment of customers are those of its customers."
grain = ["shop_id", "segmentation", "segment_id"]
materialized = "table"
[columns]
customers = "Those of the segment's orders; an order without a customer counts for none"
lines = "Product lines only"
pieces = "Pieces on the product lines of the orders, whatever their status"
gross_amount = "Pieces times price of the product lines, whatever their status"
[[measures]]
names = ["orders"]
rows = "own"
check = "sums_match_labels"
[[measures]]
names = ["customers"]
rows = "part"
[[measures]]
names = ["lines", "units", "revenue"]
rows = "whole"
table = "marts.segment_profiles"
by = ["shop_id", "segmentation", "segment_id"]
only_here = true
[[checks]]
check = "sums_match"
name = "sums_match_labels"
table = "marts.order_segments"
by = ["shop_id", "segmentation", "segment_id"]
sums = ["orders = count(*)"]
where = "segmentation in (select segmentation from marts.order_segments)"
[[checks]]
check = "sums_match"
table = "marts.customer_segments"
by = ["shop_id", "segmentation", "segment_id"]
sums = ["customers = count(*)"]
where = "segmentation in (select segmentation from marts.customer_segments)"
*/
with order_segments as (
    select
        shop_id,
        order_id,
        segmentation,
        segment_id
    from marts.order_segments
),

customer_segments as (
    select
        shop_id,
        customer_id,
        segmentation,
        segment_id
    from marts.customer_segments
),

orders as (
    select
        shop_id,
        order_id,
        customer_id,
        lines,
        pieces,
        gross_amount,
        units,
        revenue
    from marts.orders
    where is_purchase
),

-- a customer's orders are summed once, however many segmentations there are
customers as (
    select
        shop_id,
        customer_id,
        count(*) as orders,
        sum(lines) as lines,
        sum(pieces) as pieces,
        sum(gross_amount) as gross_amount,
        sum(units) as units,
        sum(revenue) as revenue
    from orders
    where customer_id is not null
    group by shop_id, customer_id
),

sums as (
    select
        order_segments.shop_id,
        order_segments.segmentation,
        order_segments.segment_id,
        count(distinct orders.customer_id) as customers,
        count(*) as orders,
        sum(orders.lines) as lines,
        sum(orders.pieces) as pieces,
        sum(orders.gross_amount) as gross_amount,
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
        order_segments.segment_id
    union all
    select
        customer_segments.shop_id,
        customer_segments.segmentation,
        customer_segments.segment_id,
        count(*) as customers,
        sum(customers.orders) as orders,
        sum(customers.lines) as lines,
        sum(customers.pieces) as pieces,
        sum(customers.gross_amount) as gross_amount,
        sum(customers.units) as units,
        sum(customers.revenue) as revenue
    from customer_segments
    inner join customers
        on
            customer_segments.shop_id = customers.shop_id
            and customer_segments.customer_id = customers.customer_id
    group by
        customer_segments.shop_id,
        customer_segments.segmentation,
        customer_segments.segment_id
)

select
    shop_id,
    segmentation,
    segment_id,
    customers,
    cast(orders as bigint) as orders,
    cast(lines as bigint) as lines,
    cast(pieces as bigint) as pieces,
    cast(gross_amount as numeric(28, 4)) as gross_amount,
    cast(units as bigint) as units,
    cast(revenue as numeric(28, 4)) as revenue
from sums
