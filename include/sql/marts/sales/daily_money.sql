/*
about = "What a shop took on each day, gross to net, told twice: by the day on which the order was placed (order_date) and by the day on which the money moved (event_date: a refund counts on its own day). Each calendar has all the money; sums over both count it twice."
grain = ["shop_id", "calendar", "date", "currency"]
materialized = "table"
[columns]
calendar = "order_date or event_date: which day a line counts on"
date = "The day, in the shop's time zone"
gross = "Products sold, at their price before discounts; tax that prices hold is taken out where the source states it"
discounts = "What was taken off: discounts of lines and of orders, and vouchers, as an amount above 0"
returns = "Products taken back, after discounts, and refunds of money, as an amount above 0"
shipping = "Shipping, less what was given back"
taxes = "Taxes, less what was given back"
tips = "Tips, less what was given back"
gift_cards = "Gift cards sold, less what was paid with them"
other = "Fees, adjustments, manual lines and samples"
total = "net + shipping + taxes + tips + gift_cards + other: all the money of the day"
[[checks]]
check = "accepted_values"
column = "calendar"
values = ["order_date", "event_date"]
[[checks]]
check = "sums_match"
table = "marts.order_lines"
where = "calendar = 'order_date'"
sums = ["total = revenue"]
[[checks]]
check = "sums_match"
name = "event_dates_have_all_the_money"
table = "marts.order_lines"
where = "calendar = 'event_date'"
sums = ["total = revenue"]
*/
with order_lines as (
    select
        shop_id,
        currency,
        order_date,
        event_date,
        status,
        line_kind,
        revenue,
        discount_amount,
        -- the discount of what was taken back comes off the returns
        line_kind in ('discount', 'voucher') and status <> 'sold' as is_discount_back
    from marts.order_lines
),

by_day as (
    select
        shop_id,
        currency,
        order_date,
        event_date,
        sum(revenue) as total,
        sum(
            case
                when line_kind = 'product' and status = 'sold'
                    then revenue + coalesce(discount_amount, 0)
                when line_kind = 'included_tax' and status = 'sold' then revenue
                else 0
            end
        ) as gross,
        sum(
            case
                when line_kind = 'product' and status = 'sold' then coalesce(discount_amount, 0)
                when line_kind in ('discount', 'voucher') and not is_discount_back then -revenue
                else 0
            end
        ) as discounts,
        sum(
            case
                when line_kind in ('product', 'included_tax') and status <> 'sold' then -revenue
                when line_kind = 'refund' or is_discount_back then -revenue
                else 0
            end
        ) as returns,
        sum(case when line_kind = 'shipping' then revenue else 0 end) as shipping,
        sum(case when line_kind = 'tax' then revenue else 0 end) as taxes,
        sum(case when line_kind = 'tip' then revenue else 0 end) as tips,
        sum(case when line_kind = 'gift_card' then revenue else 0 end) as gift_cards,
        sum(
            case when line_kind in ('fee', 'adjustment', 'manual', 'sample') then revenue else 0 end
        ) as other
    from order_lines
    group by shop_id, currency, order_date, event_date
),

told as (
    select
        'order_date' as calendar,
        order_date as date,
        *
    from by_day
    union all
    select
        'event_date' as calendar,
        event_date as date,
        *
    from by_day
)

select
    shop_id,
    calendar,
    date,
    currency,
    cast(sum(gross) as numeric(28, 4)) as gross,
    cast(sum(discounts) as numeric(28, 4)) as discounts,
    cast(sum(returns) as numeric(28, 4)) as returns,
    cast(sum(gross) - sum(discounts) - sum(returns) as numeric(28, 4)) as net,
    cast(sum(shipping) as numeric(28, 4)) as shipping,
    cast(sum(taxes) as numeric(28, 4)) as taxes,
    cast(sum(tips) as numeric(28, 4)) as tips,
    cast(sum(gift_cards) as numeric(28, 4)) as gift_cards,
    cast(sum(other) as numeric(28, 4)) as other,
    cast(sum(total) as numeric(28, 4)) as total
from told
group by shop_id, calendar, date, currency
