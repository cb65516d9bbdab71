/*
about = "One row per product that a catalogue or an order line names: texts, image and price of the catalogue's latest row, beside what was sold. A product with several rows in a file (options, sizes) shows the first and counts them."
grain = ["shop_id", "product_id"]
materialized = "table"
[columns]
product_name = "The catalogue's name; without one, the name on the order lines"
category = "The catalogue's category; without one, that of the order lines; else 'unknown'"
brand = "The catalogue's brand; null where it names none"
description = "The catalogue's text as it stands in the file, HTML included"
image_uri = "Where the catalogue says the image is"
list_price = "Price in the catalogue, in the shop's currency; the lowest where the product has several rows"
variants = "Rows of the product in the catalogue's latest load; 0 for products that only order lines name"
units = "0 without sales"
revenue = "Product lines only; 0 without sales; null in shops without order lines: nothing tells what was earned"
has_sales = "Whether a product line names it"
is_in_catalogue = "Whether a catalogue file names it"
[[measures]]
names = ["units", "revenue"]
rows = "whole"
where_there = "line_kind = 'product'"
[[checks]]
check = "covers"
table = "staging.products"
on = ["shop_id", "product_id"]
name = "covers_the_files"
[[checks]]
check = "covers"
table = "marts.products"
on = ["shop_id", "product_id"]
*/
with listed as (
    select
        shop_id,
        product_id,
        product_name,
        category,
        category_path,
        brand,
        description,
        image_uri,
        price,
        max(load_id) over (partition by shop_id, product_id) as latest_load_id,
        load_id,
        source_line
    from staging.products
),

products as (
    select
        shop_id,
        product_id,
        product_name,
        category,
        units,
        revenue
    from marts.products
),

shops as (
    select shop_id
    from marts.shops
),

latest as (
    select
        *,
        row_number() over (partition by shop_id, product_id order by source_line) as place
    from listed
    where load_id = latest_load_id
),

merged as (
    select
        shop_id,
        product_id,
        max(case when place = 1 then product_name end) as product_name,
        max(case when place = 1 then category end) as category,
        max(case when place = 1 then category_path end) as category_path,
        max(case when place = 1 then brand end) as brand,
        max(case when place = 1 then description end) as description,
        max(case when place = 1 then image_uri end) as image_uri,
        min(price) as list_price,
        count(*) as variants
    from latest
    group by shop_id, product_id
)

select
    coalesce(merged.shop_id, products.shop_id) as shop_id,
    coalesce(merged.product_id, products.product_id) as product_id,
    coalesce(merged.product_name, products.product_name) as product_name,
    coalesce(merged.category, products.category, 'unknown') as category,
    merged.category_path,
    merged.brand,
    merged.description,
    merged.image_uri,
    cast(merged.list_price as numeric(14, 4)) as list_price,
    coalesce(merged.variants, 0) as variants,
    coalesce(products.units, 0) as units,
    cast(
        case when shops.shop_id is not null then coalesce(products.revenue, 0) end
        as numeric(28, 4)
    ) as revenue,
    products.product_id is not null as has_sales,
    merged.product_id is not null as is_in_catalogue
from merged
full join products
    on
        merged.shop_id = products.shop_id
        and merged.product_id = products.product_id
left join shops on coalesce(merged.shop_id, products.shop_id) = shops.shop_id
