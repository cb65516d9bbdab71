/*
about = "When each product is bought: its baskets by month of the year and part of the day, all years together. What `recommend --month --daypart` weighs by."
grain = ["shop_id", "product_id", "calendar_month", "daypart"]
materialized = "table"
[columns]
calendar_month = "1 January to 12 December"
daypart = "Night, Morning, Afternoon or Evening; 'unknown' where the source tells the date alone"
baskets = "Baskets with the product: purchases, or visits in a shop without any (basket_products)"
[[checks]]
check = "sums_match"
table = "marts.recommendable_products"
by = ["shop_id", "product_id"]
sums = ["baskets"]
where_there = "baskets > 0"
*/
with baskets as (
    select
        shop_id,
        product_id,
        cast(extract(month from basket_local) as integer) as calendar_month,
        coalesce(daypart, 'unknown') as daypart
    from marts.basket_products
)

select
    shop_id,
    product_id,
    calendar_month,
    cast(daypart as text) as daypart,
    count(*) as baskets
from baskets
group by shop_id, product_id, calendar_month, daypart
