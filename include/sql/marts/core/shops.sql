/*
about = "One row per shop that has order lines in this build."
grain = ["shop_id"]
materialized = "table"
[columns]
shop_name = "The shop's name"
time_zone = "IANA time zone in which the shop's dates and hours are told"
currency = "ISO 4217 code of the currency of every price and revenue of the shop"
is_simulated = "Whether the shop's rows come from the simulator"
first_order_date = "Day of the first order line, in the shop's time zone"
last_order_date = "Day of the last order line, in the shop's time zone"
[[measures]]
names = ["orders", "orders_placed"]
rows = "whole"
[[checks]]
check = "covers"
table = "marts.order_lines"
on = ["shop_id", "currency"]
sentence = "Order lines belong to a shop that is not registered, or are in another currency than the shop's others"
[[checks]]
check = "references"
table = "marts.order_segments"
level = "warn"
name = "every_shop_is_segmented"
where = "orders > 0"
sentence = "A shop with purchases has no segmentation of its orders"
*/
with shops as (
    select
        shop_id,
        shop_name,
        time_zone,
        is_simulated
    from ops.shop
),

-- the lines' own: what the shop is registered with today may be another
currencies as (
    select
        shop_id,
        min(currency) as currency
    from marts.order_lines
    group by shop_id
),

orders as (
    select
        shop_id,
        sum(case when is_purchase then 1 else 0 end) as orders,
        count(*) as orders_placed,
        min(order_date) as first_order_date,
        max(order_date) as last_order_date
    from marts.orders
    group by shop_id
)

select
    shops.shop_id,
    shops.shop_name,
    shops.time_zone,
    currencies.currency,
    shops.is_simulated,
    cast(orders.orders as bigint) as orders,
    orders.first_order_date,
    orders.last_order_date,
    orders.orders_placed
from shops
inner join orders on shops.shop_id = orders.shop_id
inner join currencies on shops.shop_id = currencies.shop_id
