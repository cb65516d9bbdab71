/*
about = "What was in one basket: the products of each purchase that were kept and paid for. A shop without any purchase has the products of each visit of its events in their place, so that it gets lists too; source says which. What recommenders learn from."
grain = ["shop_id", "basket_id", "product_id"]
materialized = "view"
work_table = true
[columns]
basket_id = "The order; of events the session, or the customer and day where they name no session"
source = "orders, or events where the shop has no purchase"
kind = "purchase, cart or view: the most that happened to the product in the basket; clicks and bookmarks are views"
basket_local = "Time of the order, or of the product's first event in the visit, on the shop's wall clock"
customer_id = "The customer of the order or visit, where it names one"
city = "City of the delivery address; null of events, and where the order names none"
*/
with purchases as (
    select
        shop_id,
        order_id,
        ordered_local,
        customer_id,
        city,
        daypart
    from marts.orders
    where is_purchase
),

-- what was taken back in the order itself comes off; a free sample tells nothing of who buys what
kept as (
    select
        shop_id,
        order_id,
        product_id
    from marts.order_lines
    where line_kind = 'product'
    group by shop_id, order_id, product_id
    having sum(net_quantity) > 0 and sum(revenue) > 0
),

events as (
    select
        shop_id,
        product_id,
        coalesce(session_id, customer_id || ' ' || cast(event_date as text)) as basket_id,
        case
            when event_type = 'purchase' then 3
            when event_type = 'cart' then 2
            else 1
        end as strength,
        event_local,
        event_hour,
        customer_id
    from marts.events
    where
        product_id is not null
        and event_type in ('view', 'click', 'bookmark', 'cart', 'purchase')
),

-- the planner reads no event where every shop has purchases
shops as (
    select shop_id
    from ops.shop
    where shop_id not in (select purchases.shop_id from purchases)
),

visits as (
    select
        events.shop_id,
        events.basket_id,
        events.product_id,
        max(events.strength) as strength,
        min(events.event_local) as basket_local,
        min(events.event_hour) as event_hour,
        min(events.customer_id) as customer_id
    from events
    inner join shops on events.shop_id = shops.shop_id
    where events.basket_id is not null
    group by events.shop_id, events.basket_id, events.product_id
),

baskets as (
    select
        kept.shop_id,
        kept.order_id as basket_id,
        kept.product_id,
        cast('orders' as text) as source,
        cast('purchase' as text) as kind,
        purchases.ordered_local as basket_local,
        purchases.customer_id,
        purchases.city,
        purchases.daypart
    from kept
    inner join purchases
        on
            kept.shop_id = purchases.shop_id
            and kept.order_id = purchases.order_id
    union all
    select
        shop_id,
        basket_id,
        product_id,
        cast('events' as text) as source,
        cast(case strength when 3 then 'purchase' when 2 then 'cart' else 'view' end as text) as kind,
        basket_local,
        customer_id,
        cast(null as text) as city,
        daypart(event_hour) as daypart
    from visits
)

select
    shop_id,
    basket_id,
    product_id,
    source,
    kind,
    basket_local,
    customer_id,
    city,
    daypart
from baskets
