/*
about = "What one piece of a product costs the shop, as its catalogues say: spans of days at one cost. Where two catalogues name a cost from the same day on, the latest load counts; a cost without a day ends none that is named from a later day on."
grain = ["shop_id", "product_id", "valid_from_date"]
materialized = "table"
[columns]
valid_from_date = "First day of the cost; 0001-01-01 where the catalogue names none: it holds from ever"
valid_to_date = "Last day before the next cost; null for the last"
unit_cost = "Cost of one piece, in the shop's currency"
[[checks]]
check = "compare"
columns = ["valid_from_date <= valid_to_date"]
name = "spans_end_after_they_begin"
sentence = "A span of a cost ends before it begins"
*/
with products as (
    select
        shop_id,
        product_id,
        cost,
        load_id,
        source_line,
        coalesce(cast(valid_from as date), date '0001-01-01') as valid_from_date
    from staging.products
    where cost is not null
),

placed as (
    select
        *,
        row_number() over (
            partition by shop_id, product_id, valid_from_date
            order by load_id desc, source_line desc
        ) as place
    from products
),

chosen as (
    select
        shop_id,
        product_id,
        valid_from_date,
        cost,
        lead(valid_from_date) over (
            partition by shop_id, product_id
            order by valid_from_date
        ) as next_from_date
    from placed
    where place = 1
)

select
    shop_id,
    product_id,
    valid_from_date,
    cast(next_from_date - 1 as date) as valid_to_date,
    cast(cost as numeric(14, 4)) as unit_cost
from chosen
