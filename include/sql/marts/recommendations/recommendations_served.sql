/*
about = "The lists of each customer, by the methods that are served (served_model): what applications read. A customer without a row here is new: show segment_recommendations or popular_recommendations."
grain = ["shop_id", "list", "customer_id", "rank"]
materialized = "view"
[columns]
list = "for_you, explore or buy_again; see user_recommendations"
method = "The served method"
rank = "1 for the best"
product_id = "The recommended product"
product_name = "Its name"
category = "Its category; null where no source names one"
score = "Falling with rank; comparable within a list"
level = "0: of the method itself; 1 and 2: filled up; see user_recommendations"
source = "Which part of the method gave it"
reason = "Why, in a sentence"
evidence = "The figures behind the reason"
*/
select
    lists.shop_id,
    lists.list,
    lists.customer_id,
    lists.rank,
    lists.method,
    lists.product_id,
    products.product_name,
    products.category,
    lists.score,
    lists.level,
    lists.source,
    lists.reason,
    lists.evidence
from marts.user_recommendations as lists
inner join marts.served_model as served
    on
        lists.shop_id = served.shop_id
        and lists.list = served.list
        and lists.method = served.method
inner join marts.recommendable_products as products
    on
        lists.shop_id = products.shop_id
        and lists.product_id = products.product_id
