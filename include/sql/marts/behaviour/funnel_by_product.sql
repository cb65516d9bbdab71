/*
about = "View, cart, purchase per product. What is counted are pairs of a session and the product: a product viewed five times in one session is one viewed pair. Only events with a session and a product."
grain = ["shop_id", "product_id"]
materialized = "table"
[columns]
category_level_1 = "First level of the product's category, or 'unknown'"
brand = "The product's brand, or 'unknown'"
viewed = "Pairs of session and product with a view"
carted = "Pairs with a cart event"
removed = "Pairs with a removal from the cart"
purchased = "Pairs with a purchase"
viewed_and_carted = "Pairs with a view and a cart event"
viewed_and_purchased = "Pairs with a view and a purchase"
carted_and_purchased = "Pairs with a cart event and a purchase"
view_to_cart_share = "viewed_and_carted / viewed, 0 to 1; null without views"
view_to_purchase_share = "viewed_and_purchased / viewed, 0 to 1; null without views"
cart_to_purchase_share = "carted_and_purchased / carted: how many cart items were purchased, 0 to 1; null without carts"
[[checks]]
check = "compare"
columns = [
    "viewed_and_carted <= viewed",
    "viewed_and_carted <= carted",
    "viewed_and_purchased <= viewed",
    "viewed_and_purchased <= purchased",
    "carted_and_purchased <= carted",
    "carted_and_purchased <= purchased",
]
name = "parts_are_parts"
sentence = "A step of the funnel has more pairs than the step it is a part of"
*/
with pairs as (
    select
        shop_id,
        product_id,
        session_id,
        max(case when event_type = 'view' then 1 else 0 end) as is_viewed,
        max(case when event_type = 'cart' then 1 else 0 end) as is_carted,
        max(case when event_type = 'remove_from_cart' then 1 else 0 end) as is_removed,
        max(case when event_type = 'purchase' then 1 else 0 end) as is_purchased
    from staging.events
    where
        session_id is not null
        and product_id is not null
        and event_type in ('view', 'cart', 'remove_from_cart', 'purchase')
    group by shop_id, product_id, session_id
),

steps as (
    select
        shop_id,
        product_id,
        sum(is_viewed) as viewed,
        sum(is_carted) as carted,
        sum(is_removed) as removed,
        sum(is_purchased) as purchased,
        sum(is_viewed * is_carted) as viewed_and_carted,
        sum(is_viewed * is_purchased) as viewed_and_purchased,
        sum(is_carted * is_purchased) as carted_and_purchased
    from pairs
    group by shop_id, product_id
),

products as (
    select
        shop_id,
        product_id,
        category_level_1,
        brand
    from marts.event_products
)

select
    steps.shop_id,
    steps.product_id,
    products.category_level_1,
    products.brand,
    steps.viewed,
    steps.carted,
    steps.removed,
    steps.purchased,
    steps.viewed_and_carted,
    steps.viewed_and_purchased,
    steps.carted_and_purchased,
    cast(
        cast(steps.viewed_and_carted as numeric(38, 12)) / nullif(steps.viewed, 0)
        as double precision
    ) as view_to_cart_share,
    cast(
        cast(steps.viewed_and_purchased as numeric(38, 12)) / nullif(steps.viewed, 0)
        as double precision
    ) as view_to_purchase_share,
    cast(
        cast(steps.carted_and_purchased as numeric(38, 12)) / nullif(steps.carted, 0)
        as double precision
    ) as cart_to_purchase_share
from steps
inner join products
    on
        steps.shop_id = products.shop_id
        and steps.product_id = products.product_id
