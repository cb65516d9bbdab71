/*
about = "View, cart, purchase per first level of the category and over all ('all'): sums of marts.funnel_by_product. What is counted are pairs of a session and a product."
grain = ["shop_id", "category_level_1"]
materialized = "table"
[columns]
category_level_1 = "First level of the category, 'unknown', or 'all' for the whole shop"
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
*/
with products as (
    select
        shop_id,
        category_level_1,
        viewed,
        carted,
        removed,
        purchased,
        viewed_and_carted,
        viewed_and_purchased,
        carted_and_purchased
    from marts.funnel_by_product
),

steps as (
    select
        shop_id,
        coalesce(category_level_1, 'all') as category_level_1,
        cast(sum(viewed) as bigint) as viewed,
        cast(sum(carted) as bigint) as carted,
        cast(sum(removed) as bigint) as removed,
        cast(sum(purchased) as bigint) as purchased,
        cast(sum(viewed_and_carted) as bigint) as viewed_and_carted,
        cast(sum(viewed_and_purchased) as bigint) as viewed_and_purchased,
        cast(sum(carted_and_purchased) as bigint) as carted_and_purchased
    from products
    group by grouping sets ((shop_id, category_level_1), (shop_id))
)

select
    shop_id,
    category_level_1,
    viewed,
    carted,
    removed,
    purchased,
    viewed_and_carted,
    viewed_and_purchased,
    carted_and_purchased,
    cast(
        cast(viewed_and_carted as numeric(38, 12)) / nullif(viewed, 0) as double precision
    ) as view_to_cart_share,
    cast(
        cast(viewed_and_purchased as numeric(38, 12)) / nullif(viewed, 0) as double precision
    ) as view_to_purchase_share,
    cast(
        cast(carted_and_purchased as numeric(38, 12)) / nullif(carted, 0) as double precision
    ) as cart_to_purchase_share
from steps
