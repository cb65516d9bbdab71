/*
about = "One row per product and spelling of its name, and which of them is its name. Codes that are no products have names too."
grain = ["shop_id", "product_id", "product_name"]
materialized = "table"
[columns]
product_name = "A spelling as the shop's files have it; notes such as 'damaged' are among them"
is_canonical = "Whether this is the product's name: the spelling on most of its sold product lines, and its id only where its product lines have no other; ties: first in the alphabet"
lines = "Those with this spelling, of every kind"
sold_lines = "Product lines only"
first_seen_date = "Day of the first such line, in the shop's time zone"
last_seen_date = "Day of the last such line, in the shop's time zone"
[[measures]]
names = ["lines"]
rows = "whole"
[[measures]]
names = ["sold_lines"]
rows = "whole"
where_there = "line_kind = 'product'"
[[checks]]
check = "covers"
table = "marts.order_lines"
on = ["shop_id", "product_id"]
where = "is_canonical"
[[checks]]
check = "unique"
columns = ["shop_id", "product_id"]
where = "is_canonical"
sentence = "A product has more than one canonical name"
*/
with order_lines as (
    select
        shop_id,
        product_id,
        product_name,
        line_kind,
        status,
        cast(ordered_local as date) as order_date
    from staging.order_lines
),

spellings as (
    select
        shop_id,
        product_id,
        product_name,
        count(*) as lines,
        sum(case when status = 'sold' and line_kind = 'product' then 1 else 0 end) as sold_lines,
        max(case when line_kind = 'product' then 1 else 0 end) as is_of_product_line,
        min(order_date) as first_seen_date,
        max(order_date) as last_seen_date
    from order_lines
    group by shop_id, product_id, product_name
),

placed as (
    select
        *,
        row_number() over (
            partition by shop_id, product_id
            order by
                is_of_product_line desc,
                case when product_name = product_id then 1 else 0 end asc,
                sold_lines desc,
                product_name asc
        ) as place
    from spellings
)

select
    shop_id,
    product_id,
    product_name,
    place = 1 as is_canonical,
    lines,
    sold_lines,
    first_seen_date,
    last_seen_date
from placed
