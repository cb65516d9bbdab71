/*
level = "fail"
sentence = "A product is called rising, falling or steady on fewer than 10 orders"
*/
select
    shop_id,
    product_id,
    direction,
    recent_orders,
    earlier_orders
from marts.trending_products
where
    direction in ('rising', 'falling', 'steady')
    and recent_orders + earlier_orders < 10
