/*
about = "One row per product and spelling of its name, and which of them is its name. Codes that are no products have names too."
grain = ["shop_id", "product_id", "product_name"]
materialized = "table"
[columns]
product_name = "A spelling as the shop's files have it; notes such as 'damaged' are among them"
is_canonical = "Whether this is the product's name: the spelling on most of its sold product lines, and its id only where its product lines have no other; ties: first in the alphabet"
lines = "Order lines with this spelling, whatever their status and kind"
sold_lines = "Those of them that sold the product"
first_seen_date = "Day of the first such line, in the shop's time zone"
last_seen_date = "Day of the last such line, in the shop's time zone"
[[checks]]
name = "every_product_has_one_name"
level = "fail"
sentence = "A product on an order line has not exactly one canonical name"
sql = '''
select l.shop_id, l.product_id
from (select distinct shop_id, product_id from staging.order_lines) as l
left join (
    select shop_id, product_id, count(*) as canonical_names
    from marts.product_names where is_canonical group by shop_id, product_id
) as n on l.shop_id = n.shop_id and l.product_id = n.product_id
where coalesce(n.canonical_names, 0) <> 1
'''
[[checks]]
name = "lines_match_staging"
level = "fail"
sentence = "The lines of all spellings differ from the staged rows of the build"
sql = '''
select s.shop_id, s.lines, n.lines as mart_lines
from (select shop_id, count(*) as lines from staging.order_lines group by shop_id) as s
full join (select shop_id, sum(lines) as lines from marts.product_names group by shop_id) as n
    on s.shop_id = n.shop_id
where s.lines is distinct from n.lines
'''
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
