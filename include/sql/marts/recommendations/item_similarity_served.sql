/*
about = "The products nearest to each product, by the method that is served (served_model), without what the shop's rules keep off the list basket (ruled_products): what applications read. All of them are in item_similarity."
grain = ["shop_id", "product_id", "rank"]
materialized = "view"
[columns]
method = "The served method"
product_id = "The product that neighbours are given for"
rank = "1 for the nearest of those that may be shown"
similar_product_id = "The neighbour"
similar_product_name = "Its name"
relation = "complement, substitute, similar or popular; see item_similarity"
score = "0 to 1, falling with rank"
evidence = "Figures and a sentence; see item_similarity"
*/
select
    pairs.shop_id,
    pairs.method,
    pairs.product_id,
    cast(row_number() over (
        partition by pairs.shop_id, pairs.product_id order by pairs.rank asc
    ) as integer) as rank,
    pairs.similar_product_id,
    pairs.similar_product_name,
    pairs.relation,
    pairs.score,
    pairs.evidence
from marts.item_similarity as pairs
inner join marts.served_model as served
    on
        pairs.shop_id = served.shop_id
        and pairs.method = served.method
        and served.list = 'item_similarity'
left join marts.ruled_products as rules
    on
        pairs.shop_id = rules.shop_id
        and pairs.similar_product_id = rules.product_id
        and rules.list = 'basket'
where coalesce(rules.is_allowed, true)
