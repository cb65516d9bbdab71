/*
about = "Which products each of the shop's own rules (include/rules.toml) is about, whatever the day; empty without the file. Which rules hold tonight is in rules_in_force, what they come to in ruled_products."
grain = ["shop_id", "rule_number", "product_id"]
materialized = "table"
made_of = "include/rules.toml"

[columns]
rule_number = "The rule's place in the file, 0 for the first"
product_id = "A product that it is about; of only and price_band one that it keeps"
because = "By what it is picked: its id, category, brand, price band, or the rule's select"

[[checks]]
check = "references"
table = "marts.recommendable_products"
on = ["shop_id", "product_id"]

[[marts]]
name = "rule_products"
*/
with rule_names as (
    select
        cast(null as integer) as rule_number,
        cast(null as text) as shop_id,
        cast(null as text) as kind,
        cast(null as text) as label
    where 1 = 0
    -- for name in rule_names
    union all
    select
        ${name.rule} as rule_number,
        ${name.shop} as shop_id,
        ${name.kind} as kind,
        ${name.label} as label
    -- end
),

selected as (
    select
        cast(null as integer) as rule_number,
        cast(null as text) as shop_id,
        cast(null as text) as product_id
    where 1 = 0
    -- for select in rule_selects
    union all
    select
        ${select.rule} as rule_number,
        cast(of_rule.shop_id as text) as shop_id,
        cast(of_rule.product_id as text) as product_id
    from (
        ${select.text}
    ) as of_rule
    where ${select.shop} in ('*', of_rule.shop_id)
    -- end
),

products as (
    select
        products.shop_id,
        products.product_id,
        products.category,
        products.price_band,
        catalogue.brand
    from marts.recommendable_products as products
    left join marts.catalogue as catalogue
        on
            products.shop_id = catalogue.shop_id
            and products.product_id = catalogue.product_id
),

-- in the order in which a reason is given where there are several
labels as (
    select
        shop_id,
        product_id,
        1 as place,
        'product' as kind,
        product_id as label
    from products
    union all
    select
        shop_id,
        product_id,
        2 as place,
        'category' as kind,
        category as label
    from products
    union all
    select
        shop_id,
        product_id,
        3 as place,
        'brand' as kind,
        brand as label
    from products
    union all
    select
        shop_id,
        product_id,
        4 as place,
        'price band' as kind,
        price_band as label
    from products
    union all
    select
        shop_id,
        product_id,
        5 as place,
        'any category' as kind,
        '' as label
    from products
    where category is not null
),

picked as (
    select
        labels.shop_id,
        rule_names.rule_number,
        labels.product_id,
        labels.place,
        case
            when labels.kind = 'any category' then labels.kind
            else labels.kind || ' ' || labels.label
        end as because
    from labels
    inner join rule_names
        on
            labels.kind = rule_names.kind
            and labels.label = rule_names.label
    where rule_names.shop_id in ('*', labels.shop_id)
    union all
    select
        selected.shop_id,
        selected.rule_number,
        selected.product_id,
        6 as place,
        'of its select' as because
    from selected
    inner join products
        on
            selected.shop_id = products.shop_id
            and selected.product_id = products.product_id
),

placed as (
    select
        shop_id,
        rule_number,
        product_id,
        because,
        row_number() over (
            partition by shop_id, rule_number, product_id order by place asc
        ) as place
    from picked
)

select
    shop_id,
    rule_number,
    product_id,
    because
from placed
where place = 1
