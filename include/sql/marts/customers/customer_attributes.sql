/*
about = "What customer files say about each customer, one row per attribute: the value of the customer's latest row. Absurd values are kept and marked, never mended."
grain = ["shop_id", "customer_id", "attribute"]
materialized = "table"
[columns]
attribute = "Name of the attribute, as the source's mapping calls it"
value_text = "The value as text; null where the file has none"
value_number = "The value as a number, where it is one"
flags = "Ids of the rules that some value of the customer breaks, as a JSON list; null without any"
[[checks]]
check = "covers"
table = "staging.customers"
on = ["shop_id", "customer_id"]
where_there = "attributes <> '{}'"
sentence = "A customer of a customer file has no attribute"
*/
with customers as (
    select
        shop_id,
        customer_id,
        attributes,
        flags,
        row_number() over (
            partition by shop_id, customer_id
            order by load_id desc, source_line desc
        ) as place
    from staging.customers
)

select
    customers.shop_id,
    customers.customer_id,
    pairs.attribute,
    pairs.value_text,
    case
        when pairs.value_text ~ '^[+-]?[0-9]+([.][0-9]+)?$'
            then cast(pairs.value_text as double precision)
    end as value_number,
    cast(customers.flags as text) as flags
from customers
cross join lateral jsonb_each_text(customers.attributes) as pairs (attribute, value_text)
where customers.place = 1
