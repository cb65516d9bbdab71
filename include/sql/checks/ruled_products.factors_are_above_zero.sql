/*
level = "fail"
sentence = "A score would be multiplied by nothing, or by none"
*/
select
    shop_id,
    list,
    product_id,
    factor
from marts.ruled_products
where factor is null or factor <= 0
