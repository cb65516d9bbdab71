/*
level = "fail"
sentence = "A customer has no segment, or several, or a label belongs to no customer, in a segmentation of the shop's customers"
*/
with segmentations as (
    select distinct
        shop_id,
        segmentation
    from marts.customer_segments
),

expected as (
    select
        customers.shop_id,
        customers.customer_id,
        segmentations.segmentation
    from marts.customers
    inner join segmentations on customers.shop_id = segmentations.shop_id
)

select
    coalesce(expected.shop_id, labels.shop_id) as shop_id,
    coalesce(expected.customer_id, labels.customer_id) as customer_id,
    coalesce(expected.segmentation, labels.segmentation) as segmentation,
    count(labels.segment_id) as labels
from expected
full outer join marts.customer_segments as labels
    on
        expected.shop_id = labels.shop_id
        and expected.customer_id = labels.customer_id
        and expected.segmentation = labels.segmentation
group by
    expected.shop_id,
    labels.shop_id,
    expected.customer_id,
    labels.customer_id,
    expected.segmentation,
    labels.segmentation
having
    count(labels.segment_id) <> 1
    or expected.customer_id is null
