/*
about = "Whom the shop may write to, as its files say: one row per customer and statement. Of each source the latest row counts (by the order's time, then the load); where rows or sources disagree, the one that forbids does. What a refused row forbids counts too."
grain = ["shop_id", "customer_id", "statement"]
materialized = "table"
[columns]
statement = "marketing_consent (may be written to), is_suppressed (must not be), or a column that looks like one and no mapping declares: no audience is made until it is"
is_so = "What counts; null: a latest row says nothing, which is no consent"
sources = "Sources that state it of the customer"
stated_at = "Time of the latest order that states it (UTC); null where only files of customers do"
[[checks]]
check = "covers"
table = "staging.consents"
on = ["shop_id", "customer_id", "statement"]
*/
with placed as (
    select
        shop_id,
        customer_id,
        statement,
        source,
        stated_at,
        is_so,
        rank() over (
            partition by shop_id, customer_id, statement, source
            -- without a time in an order: a refused row whose time cannot be read
            order by stated_at desc nulls first, load_id desc
        ) as place
    from staging.consents
)

select
    shop_id,
    customer_id,
    statement,
    case
        -- the one that forbids: a no of consent, a yes of suppression
        when statement = 'is_suppressed' and max(case when is_so then 1 else 0 end) = 1 then true
        when statement <> 'is_suppressed' and min(case when is_so then 1 when not is_so then 0 end) = 0 then false
        when count(*) > count(is_so) then null
        else statement <> 'is_suppressed'
    end as is_so,
    count(distinct source) as sources,
    max(stated_at) as stated_at
from placed
where place = 1
group by shop_id, customer_id, statement
