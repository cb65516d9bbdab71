/*
about = "The products that lists are made of: those of the shop's order lines, or of its events where it has no purchase. A shop with neither has none, and no lists."
grain = ["shop_id", "product_id"]
materialized = "table"
[columns]
product_name = "The product's name; of events the catalogue's, else made of brand, category and id"
category = "Its category; null where no source names one"
price_band = "Band of its typical price, or of the catalogue's price; null where neither is known"
source = "orders or events, as in basket_products"
baskets = "Baskets with the product: purchases, or visits where source is events"
[[checks]]
check = "sums_match"
table = "marts.basket_products"
by = ["shop_id", "product_id", "source"]
sums = ["baskets = count(*)"]
where = "baskets > 0"
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
        shop_id,
        product_id,
        category_path,
        nullif(category_level_1, 'unknown') as category,
        nullif(brand, 'unknown') as brand
    from marts.event_products
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

listed as (
    select
        products.shop_id,
        products.product_id,
        products.product_name,
        nullif(products.category, 'unknown') as category,
        products.price_band,
        cast('orders' as text) as source
    from products
    union all
    select
        event_products.shop_id,
        event_products.product_id,
        coalesce(
            catalogue.product_name,
            trim(coalesce(event_products.brand || ' ', '')
                || coalesce(replace(event_products.category_path, '_', ' ') || ' ', '')
                || event_products.product_id)
        ) as product_name,
        coalesce(catalogue.category, event_products.category) as category,
        price_band(catalogue.list_price) as price_band,
        cast('events' as text) as source
    from event_products
    left join catalogue
        on
            event_products.shop_id = catalogue.shop_id
            and event_products.product_id = catalogue.product_id
)

select
    listed.shop_id,
    listed.product_id,
    listed.product_name,
    listed.category,
    listed.price_band,
    listed.source,
    coalesce(baskets.baskets, 0) as baskets
from listed
inner join sources
    on
        listed.shop_id = sources.shop_id
        and listed.source = sources.source
left join baskets
    on
        listed.shop_id = baskets.shop_id
        and listed.product_id = baskets.product_id
