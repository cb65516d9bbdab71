/*
about = "One row per customer that a customer file describes, whether or not they bought anything"
grain = ["shop_id", "customer_id"]
materialized = "table"
[columns]
attributes = "How many attributes the file gives a value of"
[[checks]]
check = "sums_match"
table = "marts.customer_attributes"
sums = ["count(*) = count(distinct customer_id)", "attributes = count(*)"]
where_there = "value_text is not null"
*/
select
    shop_id,
    customer_id,
    count(*) as attributes
from marts.customer_attributes
where value_text is not null
group by shop_id, customer_id
