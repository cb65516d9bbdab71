/*
about = "The funnel of a shop's sessions in three steps: sessions with a view, of those with a cart event, of those with a purchase. A purchase without a view or cart event before it in the session's events is in steps_skipped."
grain = ["shop_id", "step_number"]
materialized = "table"
[columns]
step_number = "1 view, 2 cart, 3 purchase"
step = "Name of the step"
events = "Those of the step's type, with or without a session"
sessions = "Sessions that have an event of this type"
sessions_reached = "Sessions that have this step and every step before it"
share_of_first = "sessions_reached / sessions with a view, 0 to 1; null without views"
share_of_previous = "sessions_reached / sessions_reached of the step before, 0 to 1; 1 for the first"
steps_skipped = "Sessions that have this step but lack one before it"
[[measures]]
names = ["events"]
rows = "whole"
where_there = "event_type in ('view', 'cart', 'purchase') and shop_id in (select shop_id from marts.sessions)"
[[checks]]
check = "never_rises"
column = "sessions_reached"
along = "step_number"
sentence = "A step of the funnel is wider than the one before"
*/
with sessions as (
    select
        shop_id,
        case when views > 0 then 1 else 0 end as has_view,
        case when carts > 0 then 1 else 0 end as has_cart,
        case when purchase_events > 0 then 1 else 0 end as has_purchase
    from marts.sessions
),

events as (
    select
        shop_id,
        event_type,
        count(*) as events
    from staging.events
    where event_type in ('view', 'cart', 'purchase')
    group by shop_id, event_type
),

counts as (
    select
        shop_id,
        sum(has_view) as views,
        sum(has_cart) as carts,
        sum(has_purchase) as purchases,
        sum(has_view * has_cart) as carts_reached,
        sum(has_view * has_cart * has_purchase) as purchases_reached
    from sessions
    group by shop_id
),

steps as (
    select
        shop_id,
        1 as step_number,
        'view' as step,
        views as sessions,
        views as sessions_reached,
        views as previous,
        views as first_step
    from counts
    union all
    select
        shop_id,
        2 as step_number,
        'cart' as step,
        carts as sessions,
        carts_reached as sessions_reached,
        views as previous,
        views as first_step
    from counts
    union all
    select
        shop_id,
        3 as step_number,
        'purchase' as step,
        purchases as sessions,
        purchases_reached as sessions_reached,
        carts_reached as previous,
        views as first_step
    from counts
)

select
    steps.shop_id,
    steps.step_number,
    steps.step,
    coalesce(events.events, 0) as events,
    steps.sessions,
    steps.sessions_reached,
    cast(
        cast(steps.sessions_reached as numeric(38, 12)) / nullif(steps.first_step, 0)
        as double precision
    ) as share_of_first,
    cast(
        cast(steps.sessions_reached as numeric(38, 12)) / nullif(steps.previous, 0)
        as double precision
    ) as share_of_previous,
    steps.sessions - steps.sessions_reached as steps_skipped
from steps
left join events
    on
        steps.shop_id = events.shop_id
        and steps.step = events.event_type
