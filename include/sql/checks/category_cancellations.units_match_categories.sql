/*
level = "fail"
sentence = "Ordered less cancelled and returned units differ from the category's units"
*/
select
    coalesce(cancellations.shop_id, sales.shop_id) as shop_id,
    coalesce(cancellations.category, sales.category) as category,
    cancellations.ordered_units,
    cancellations.cancelled_units,
    cancellations.returned_units,
    sales.units
from marts.category_cancellations as cancellations
full outer join marts.sales_by_category as sales
    on
        cancellations.shop_id = sales.shop_id
        and cancellations.category = sales.category
where
    cancellations.ordered_units - cancellations.cancelled_units - cancellations.returned_units
    is distinct from sales.units
