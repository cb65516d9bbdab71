/*
about = "The shop's own rules (include/rules.toml) that hold tonight, for each kind of list that they are for; empty without the file. They change what is shown, not what a method is judged by."
grain = ["shop_id", "list", "rule_number"]
materialized = "table"
made_of = "include/rules.toml"

[columns]
list = "for_you, explore and buy_again (user_recommendations); segment (segment_recommendations); popular (popular_recommendations); basket: answers for products at hand; query: answers for words"
rule_number = "The rule's place in the file, 0 for the first"
rule = "exclude, only, boost, pin, category_cap or price_band"
is_own = "Whether it is the rule of this shop alone, and not of every shop"
declared = "What the file says"
products = "How many of the shop's products it is about; of only and price_band how many it keeps"
is_narrowing = "Whether it takes products out, so that lists may be shorter"
factor = "What a boost multiplies scores by; else null"
place = "The place of a pin, from 1; else null"
at_most = "How many products of one category a category_cap leaves a list; else null"
from_date = "First day on which it holds; null: from the beginning"
to_date = "Last day; null: until it is taken out"

[[checks]]
check = "accepted_values"
column = "rule"
values = ["exclude", "only", "boost", "pin", "category_cap", "price_band"]
[[checks]]
check = "accepted_values"
column = "list"
values = ["for_you", "explore", "buy_again", "segment", "popular", "basket", "query"]
[[checks]]
check = "between"
columns = ["products"]
at_least = 0

[[marts]]
name = "rules_in_force"
*/
with rules as (
    select
        cast(null as integer) as rule_number,
        cast(null as text) as shop_id,
        cast(null as text) as rule,
        cast(null as text) as declared,
        cast(null as boolean) as is_narrowing,
        cast(null as double precision) as factor,
        cast(null as integer) as place,
        cast(null as integer) as at_most,
        cast(null as date) as from_date,
        cast(null as date) as to_date
    where 1 = 0
    -- for rule in shop_rules
    union all
    select
        ${rule.rule} as rule_number,
        ${rule.shop} as shop_id,
        ${rule.kind} as rule,
        ${rule.declared} as declared,
        ${rule.is_narrowing} as is_narrowing,
        cast(${rule.factor} as double precision) as factor,
        cast(${rule.place} as integer) as place,
        cast(${rule.at_most} as integer) as at_most,
        cast(${rule.from_date} as date) as from_date,
        cast(${rule.to_date} as date) as to_date
    -- end
),

rule_lists as (
    select
        cast(null as integer) as rule_number,
        cast(null as text) as list
    where 1 = 0
    -- for list in rule_lists
    union all
    select
        ${list.rule} as rule_number,
        ${list.list} as list
    -- end
),

-- a rule holds by the last day of the shop's data, whatever day it is
last_days as (
    select
        shop_id,
        cast(max(basket_local) as date) as last_date
    from marts.basket_products
    group by shop_id
),

counted as (
    select
        shop_id,
        rule_number,
        count(*) as products
    from marts.rule_products
    group by shop_id, rule_number
)

select
    last_days.shop_id,
    rule_lists.list,
    rules.rule_number,
    rules.rule,
    rules.shop_id <> '*' as is_own,
    cast(rules.declared as jsonb) as declared,
    cast(coalesce(counted.products, 0) as integer) as products,
    rules.is_narrowing,
    rules.factor,
    rules.place,
    rules.at_most,
    rules.from_date,
    rules.to_date
from rules
inner join rule_lists on rules.rule_number = rule_lists.rule_number
inner join last_days on rules.shop_id in ('*', last_days.shop_id)
left join counted
    on
        last_days.shop_id = counted.shop_id
        and rules.rule_number = counted.rule_number
where
    coalesce(rules.from_date, last_days.last_date) <= last_days.last_date
    and coalesce(rules.to_date, last_days.last_date) >= last_days.last_date
