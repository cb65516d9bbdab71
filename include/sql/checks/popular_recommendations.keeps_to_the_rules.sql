/*
level = "fail"
sentence = "A list names what the shop's rules take out"
*/
select
    lists.shop_id,
    lists.scope,
    lists.scope_value,
    lists.product_id
from marts.popular_recommendations as lists
inner join marts.ruled_products as rules
    on
        lists.shop_id = rules.shop_id
        and lists.product_id = rules.product_id
        and rules.list = 'popular'
where not rules.is_allowed
