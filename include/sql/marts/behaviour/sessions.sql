/*
about = "One row per session: its length, its events by type, and whether it ended in a purchase. Events without a session are in no row; event_unknowns counts them."
grain = ["shop_id", "session_id"]
materialized = "table"
[columns]
started_at = "Instant of the session's first event (UTC instant)"
started_local = "The same on the shop's wall clock"
session_date = "Calendar day on which the session started, in the shop's time zone"
session_hour = "Hour 0 to 23 in which it started, in the shop's time zone; null where its events have dates alone"
length_seconds = "Seconds from the first to the last event; 0 for a single event, null where its events have dates alone"
customer_keys = "Different customers in the session; more than 1 is a fault of the source"
purchase_events = "Purchase events; what was bought in the end is in marts.orders"
purchased_amount = "Sum of price times pieces (1 where none are stated) of the purchase events; null where one of them states no price; the revenue of orders is in marts.orders"
is_converted = "Whether the session has a purchase"
[[measures]]
names = ["events"]
rows = "whole"
where_there = "session_id is not null"
[[checks]]
check = "sums_match"
table = "staging.events"
sums = ["count(*) = count(distinct session_id)"]
where_there = "session_id is not null"
*/
with events as (
    select
        shop_id,
        session_id,
        event_at,
        event_local,
        event_hour,
        event_type,
        customer_id,
        product_id,
        platform,
        price,
        quantity,
        is_simulated
    from marts.events
    where session_id is not null
),

totals as (
    select
        shop_id,
        session_id,
        min(event_at) as started_at,
        max(event_at) as ended_at,
        min(event_local) as started_local,
        min(customer_id) as customer_id,
        count(distinct customer_id) as customer_keys,
        min(platform) as platform,
        count(*) as events,
        count(distinct product_id) as products,
        sum(case when event_type = 'view' then 1 else 0 end) as views,
        sum(case when event_type = 'cart' then 1 else 0 end) as carts,
        sum(case when event_type = 'remove_from_cart' then 1 else 0 end) as removals,
        sum(case when event_type = 'search' then 1 else 0 end) as searches,
        sum(case when event_type = 'purchase' then 1 else 0 end) as purchase_events,
        sum(
            case when event_type = 'purchase' then price * coalesce(quantity, 1) else 0 end
        ) as purchased_amount,
        count(case when event_type = 'purchase' and price is null then 1 end) as without_price,
        count(case when event_hour is null then 1 end) as without_hour,
        bool_or(is_simulated) as is_simulated
    from events
    group by shop_id, session_id
)

select
    shop_id,
    session_id,
    customer_id,
    customer_keys,
    platform,
    started_at,
    started_local,
    cast(started_local as date) as session_date,
    case
        when without_hour = 0 then cast(extract(hour from started_local) as integer)
    end as session_hour,
    case
        when without_hour = 0 then cast(extract(epoch from ended_at - started_at) as bigint)
    end as length_seconds,
    events,
    products,
    views,
    carts,
    removals,
    searches,
    purchase_events,
    cast(
        case when without_price = 0 then purchased_amount end as numeric(28, 4)
    ) as purchased_amount,
    purchase_events > 0 as is_converted,
    is_simulated
from totals
