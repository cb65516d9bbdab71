/*
about = "One category and one name per product: the category on most of its product lines, the name on most of its sold ones. A name that only repeats the product's id is taken where there is no other."
grain = ["shop_id", "product_id"]
materialized = "table"
[columns]
category = "The category on most of the product's lines (ties: first in the alphabet); where no line has one, that of the catalogue's latest load, else 'unknown'"
lines = "Product lines of the product"
category_lines = "How many of them name this category; 0 where none names any"
category_variants = "How many different categories the lines name"
name_variants = "How many spellings of the name the lines have"
[[measures]]
names = ["lines"]
rows = "whole"
where_there = "line_kind = 'product'"
[[checks]]
check = "covers"
table = "marts.order_lines"
on = ["shop_id", "product_id"]
where_there = "line_kind = 'product'"
[[checks]]
check = "not_null"
columns = ["category"]
[[checks]]
check = "between"
columns = ["category_variants"]
at_most = 1
level = "warn"
sentence = "The lines of a product name more than one category"
*/
with order_lines as (
    select
        shop_id,
        product_id,
        product_name,
        category,
        case when status = 'sold' then 1 else 0 end as is_sold
    from staging.order_lines
    where line_kind = 'product'
),

variants as (
    select
        shop_id,
        product_id,
        product_name,
        category,
        count(*) as lines,
        sum(is_sold) as sold_lines
    from order_lines
    group by shop_id, product_id, product_name, category
),

counted as (
    select
        shop_id,
        product_id,
        product_name,
        category,
        lines,
        sum(sold_lines) over (partition by shop_id, product_id, product_name) as name_lines,
        sum(lines) over (partition by shop_id, product_id, category) as category_lines
    from variants
),

placed as (
    select
        shop_id,
        product_id,
        product_name,
        category,
        lines,
        category_lines,
        row_number() over (
            partition by shop_id, product_id
            order by
                case when product_name = product_id then 1 else 0 end asc,
                name_lines desc,
                product_name asc
        ) as name_place,
        row_number() over (
            partition by shop_id, product_id
            order by
                case when category is null then 1 else 0 end asc,
                category_lines desc,
                category asc
        ) as category_place
    from counted
),

sold as (
    select
        shop_id,
        product_id,
        max(case when name_place = 1 then product_name end) as product_name,
        max(case when category_place = 1 then category end) as category,
        cast(sum(lines) as bigint) as lines,
        cast(
            max(
                case when category_place = 1 and category is not null then category_lines else 0 end
            ) as bigint
        ) as category_lines,
        count(distinct category) as category_variants,
        count(distinct product_name) as name_variants
    from placed
    group by shop_id, product_id
),

listed as (
    select
        shop_id,
        product_id,
        category,
        row_number() over (
            partition by shop_id, product_id
            order by load_id desc, source_line asc
        ) as place
    from staging.products
)

select
    sold.shop_id,
    sold.product_id,
    sold.product_name,
    coalesce(sold.category, listed.category, 'unknown') as category,
    sold.lines,
    sold.category_lines,
    sold.category_variants,
    sold.name_variants
from sold
left join listed
    on
        sold.shop_id = listed.shop_id
        and sold.product_id = listed.product_id
        and listed.place = 1
