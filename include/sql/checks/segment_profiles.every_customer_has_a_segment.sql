/*
level = "fail"
sentence = "A customer with purchases has no segment, or a label belongs to a customer without, in a segmentation of the shop's customers"
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
    where customers.purchases > 0
)

select
    coalesce(expected.shop_id, labels.shop_id) as shop_id,
    coalesce(expected.customer_id, labels.customer_id) as customer_id,
    coalesce(expected.segmentation, labels.segmentation) as segmentation
from expected
full outer join marts.customer_segments as labels
    on
        expected.shop_id = labels.shop_id
        and expected.customer_id = labels.customer_id
        and expected.segmentation = labels.segmentation
where
    expected.customer_id is null
    or labels.customer_id is null
