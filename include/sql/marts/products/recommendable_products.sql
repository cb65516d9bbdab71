/*
about = "The products that lists are made of: those of the shop's product lines, and those of its events where it has no purchase."
grain = ["shop_id", "product_id"]
materialized = "table"
[columns]
product_name = "The product's name; of events the catalogue's, else made of brand, category and id"
category = "Its category; null where no source names one"
price_band = "Band of its typical price, or of the catalogue's price; null where neither is known"
source = "What the shop's lists are learned from: orders or events, as in basket_products; null where it has neither, and so no lists"
baskets = "Baskets with the product: purchases, or visits where source is events"
[[checks]]
check = "sums_match"
table = "marts.basket_products"
by = ["shop_id", "product_id", "source"]
sums = ["baskets = count(*)"]
where = "baskets > 0"
[[checks]]
check = "covers"
table = "marts.products"
on = ["shop_id", "product_id"]
*/
with baskets as (
    select
        shop_id,
        product_id,
        source,
        count(*) as baskets
    from marts.basket_products
    group by shop_id, product_id, source
),

sources as (
    select distinct
        shop_id,
        source
    from baskets
),

products as (
    select
        shop_id,
        product_id,
        product_name,
        category,
        price_band
    from marts.products
),

event_products as (
    select
        event_products.shop_id,
        event_products.product_id,
        event_products.category_path,
        nullif(event_products.category_level_1, 'unknown') as category,
        nullif(event_products.brand, 'unknown') as brand
    from marts.event_products
    inner join sources on event_products.shop_id = sources.shop_id
    where sources.source = 'events'
),

catalogue as (
    select
        shop_id,
        product_id,
        product_name,
        nullif(category, 'unknown') as category,
        list_price
    from marts.catalogue
    where is_in_catalogue
),

seen as (
    select
        event_products.shop_id,
        event_products.product_id,
        coalesce(
            catalogue.product_name,
            trim(
                coalesce(event_products.brand || ' ', '')
                || coalesce(event_products.category_path || ' ', '')
                || event_products.product_id
            )
        ) as product_name,
        coalesce(catalogue.category, event_products.category) as category,
        price_band(catalogue.list_price) as price_band
    from event_products
    left join catalogue
        on
            event_products.shop_id = catalogue.shop_id
            and event_products.product_id = catalogue.product_id
),

listed as (
    select
        coalesce(products.shop_id, seen.shop_id) as shop_id,
        coalesce(products.product_id, seen.product_id) as product_id,
        coalesce(products.product_name, seen.product_name) as product_name,
        coalesce(nullif(products.category, 'unknown'), seen.category) as category,
        coalesce(products.price_band, seen.price_band) as price_band
    from products
    full join seen
        on
            products.shop_id = seen.shop_id
            and products.product_id = seen.product_id
)

select
    listed.shop_id,
    listed.product_id,
    listed.product_name,
    listed.category,
    listed.price_band,
    sources.source,
    coalesce(baskets.baskets, 0) as baskets
from listed
left join sources on listed.shop_id = sources.shop_id
left join baskets
    on
        listed.shop_id = baskets.shop_id
        and listed.product_id = baskets.product_id
