/*
about = "What the shop's own rules come to tonight, for each kind of list and each product that one of them touches: the one place that every list is held to. Of a product without a row no rule says anything. Empty without include/rules.toml."
grain = ["shop_id", "list", "product_id"]
materialized = "table"

[columns]
list = "Kind of list, as in rules_in_force"
product_id = "A product that a rule touches"
category = "Its category, which caps count by; null where no source names one"
is_allowed = "Whether the list may name it"
factor = "What its score is multiplied by, above 0; 1 without a boost"
pin_place = "Its place of the list, from 1; null where it is not pinned, or not allowed"
at_most = "How many products of its category the list may have; null without a cap"
boosted = "What the boosts say: boosted 1.5: category Cables; null without one"

[[checks]]
check = "references"
table = "marts.recommendable_products"
on = ["shop_id", "product_id"]
[[checks]]
check = "between"
columns = ["pin_place", "at_most"]
at_least = 1
*/
with rules as (
    select
        shop_id,
        list,
        rule_number,
        rule,
        factor,
        place,
        at_most
    from marts.rules_in_force
),

picked as (
    select
        rules.shop_id,
        rules.list,
        rules.rule_number,
        rules.rule,
        rules.factor,
        rules.place,
        rules.at_most,
        rule_products.product_id,
        rule_products.because
    from rules
    inner join marts.rule_products as rule_products
        on
            rules.shop_id = rule_products.shop_id
            and rules.rule_number = rule_products.rule_number
),

-- only and price_band name what may stay: what one of them does not name is left out
keepers as (
    select
        shop_id,
        list,
        count(*) as keepers
    from rules
    where rule in ('only', 'price_band')
    group by shop_id, list
),

kept as (
    select
        shop_id,
        list,
        product_id,
        count(*) as keepers
    from picked
    where rule in ('only', 'price_band')
    group by shop_id, list, product_id
),

touched as (
    select
        keepers.shop_id,
        keepers.list,
        products.product_id,
        cast(null as integer) as rule_number,
        'left out' as rule,
        cast(null as double precision) as factor,
        cast(null as integer) as place,
        cast(null as integer) as at_most,
        cast(null as text) as because
    from keepers
    inner join marts.recommendable_products as products on keepers.shop_id = products.shop_id
    left join kept
        on
            keepers.shop_id = kept.shop_id
            and keepers.list = kept.list
            and products.product_id = kept.product_id
    where coalesce(kept.keepers, 0) < keepers.keepers
    union all
    select
        shop_id,
        list,
        product_id,
        rule_number,
        rule,
        factor,
        place,
        at_most,
        because
    from picked
    where rule not in ('only', 'price_band')
),

summed as (
    select
        shop_id,
        list,
        product_id,
        sum(case when rule in ('exclude', 'left out') then 1 else 0 end) as takers,
        -- a product of factors; within what a number of 12 decimals can be
        exp(least(greatest(sum(coalesce(ln(factor), 0)), -27), 55)) as factor,
        max(place) as pin_place,
        min(at_most) as at_most,
        string_agg(
            case
                when factor >= 1 then 'boosted ' || cast(factor as text) || ': ' || because
                when factor < 1 then 'put back ' || cast(factor as text) || ': ' || because
            end,
            '; ' order by rule_number
        ) as boosted
    from touched
    group by shop_id, list, product_id
)

select
    summed.shop_id,
    summed.list,
    summed.product_id,
    products.category,
    summed.takers = 0 as is_allowed,
    cast(
        greatest(round(cast(summed.factor as numeric(38, 12)), 12), 0.000000000001)
        as double precision
    ) as factor,
    case when summed.takers = 0 then summed.pin_place end as pin_place,
    summed.at_most,
    summed.boosted
from summed
inner join marts.recommendable_products as products
    on
        summed.shop_id = products.shop_id
        and summed.product_id = products.product_id
