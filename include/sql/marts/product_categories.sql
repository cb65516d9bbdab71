/*
about = "One category and one name per product: those on most of its order lines."
grain = ["shop_id", "product_id"]
materialized = "table"
[columns]
category = "The category on most of the product's lines (ties: first in the alphabet); 'unknown' only if no line has one"
lines = "Order lines of the product"
category_lines = "How many of them name this category; 0 when unknown"
category_variants = "How many different categories the lines name"
name_variants = "How many spellings of the name the lines have"
[[checks]]
name = "every_product_has_one_category"
level = "fail"
sentence = "A product on an order line has not exactly one category"
sql = '''
select l.shop_id, l.product_id
from (select distinct shop_id, product_id from staging.order_lines) as l
left join marts.product_categories as c
    on l.shop_id = c.shop_id and l.product_id = c.product_id
group by l.shop_id, l.product_id
having count(c.category) <> 1
'''
[[checks]]
name = "product_has_several_categories"
level = "warn"
sentence = "The lines of a product name more than one category"
sql = "select shop_id, product_id, category, category_variants from marts.product_categories where category_variants > 1"
*/
with order_lines as (
    select
        shop_id,
        product_id,
        product_name,
        category
    from staging.order_lines
),

variants as (
    select
        shop_id,
        product_id,
        product_name,
        category,
        count(*) as lines
    from order_lines
    group by shop_id, product_id, product_name, category
),

names as (
    select
        shop_id,
        product_id,
        product_name,
        row_number() over (
            partition by shop_id, product_id
            order by sum(lines) desc, product_name asc
        ) as place
    from variants
    group by shop_id, product_id, product_name
),

categories as (
    select
        shop_id,
        product_id,
        category,
        cast(sum(lines) as bigint) as category_lines,
        row_number() over (
            partition by shop_id, product_id
            order by sum(lines) desc, category asc
        ) as place
    from variants
    where category is not null
    group by shop_id, product_id, category
),

totals as (
    select
        shop_id,
        product_id,
        cast(sum(lines) as bigint) as lines,
        count(distinct product_name) as name_variants,
        count(distinct category) as category_variants
    from variants
    group by shop_id, product_id
)

select
    totals.shop_id,
    totals.product_id,
    names.product_name,
    coalesce(categories.category, 'unknown') as category,
    totals.lines,
    coalesce(categories.category_lines, 0) as category_lines,
    totals.category_variants,
    totals.name_variants
from totals
inner join names
    on
        totals.shop_id = names.shop_id
        and totals.product_id = names.product_id
        and names.place = 1
left join categories
    on
        totals.shop_id = categories.shop_id
        and totals.product_id = categories.product_id
        and categories.place = 1
