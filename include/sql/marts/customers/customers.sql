/*
about = "One row per customer with orders, whatever became of them: who bought nothing in the end has 0 orders and no purchase date. Empty where a source knows no customers: an address is not a person."
grain = ["shop_id", "customer_id"]
materialized = "table"
[columns]
customer_id = "The customer's key, as on the first line of the order"
customer_key_kind = "What customer_id rests on; first in the alphabet where the customer's orders differ"
first_purchase_date = "Day of the first purchase; null without one"
days_since_purchase = "Days from last_purchase_date to the shop's last order in this build, never to today; null without a purchase"
revenue = "Of all their orders"
units = "Of all their orders"
cancelled_amount_without_sale = "Money of the customer's cancelled lines whose sale is not in the data (marts.cancellations of status cancelled, match_kind none), as a positive number"
main_city = "City of the place (city, region and country together) with most purchases; ties: the place ordered to last, then first in the alphabet by country, region, city; null where no order names a place"
main_region = "Region of that place"
main_country = "Country of that place"
[[measures]]
names = ["orders", "purchases", "orders_placed"]
rows = "whole"
where_there = "customer_id is not null"
[[measures]]
names = ["units", "revenue"]
rows = "whole"
table = "marts.orders"
where_there = "customer_id is not null"
[[checks]]
check = "sums_match"
table = "marts.orders"
sums = ["count(*) = count(distinct customer_id)"]
where_there = "customer_id is not null"
[[checks]]
check = "sums_match"
name = "cancellations_without_sale_match"
table = "marts.cancellations"
sums = ["cancelled_amount_without_sale = amount"]
where_there = "customer_id is not null and match_kind = 'none' and status = 'cancelled'"
[[checks]]
check = "filled_where"
columns = ["first_purchase_date", "last_purchase_date", "days_since_purchase"]
where = "purchases > 0"
name = "dates_are_of_purchases"
[[checks]]
check = "compare"
columns = ["first_purchase_date <= last_purchase_date"]
[[checks]]
check = "between"
columns = ["days_since_purchase"]
at_least = 0
*/
with orders as (
    select
        shop_id,
        customer_id,
        customer_key_kind,
        city,
        region,
        country,
        units,
        revenue,
        order_date,
        case when is_purchase then order_date end as purchase_date
    from marts.orders
    where customer_id is not null
),

shops as (
    select
        shop_id,
        last_order_date
    from marts.shops
),

-- the sums of a customer are of the sums of its places, so that nothing is joined: a planner that
-- takes the first places for one row compares every customer with every other
places as (
    select
        shop_id,
        customer_id,
        city,
        region,
        country,
        min(customer_key_kind) as customer_key_kind,
        min(purchase_date) as first_purchase_date,
        max(purchase_date) as last_purchase_date,
        max(order_date) as last_order_date,
        count(*) as orders_placed,
        count(purchase_date) as orders,
        sum(units) as units,
        sum(revenue) as revenue
    from orders
    group by shop_id, customer_id, city, region, country
),

placed as (
    select
        *,
        row_number() over (
            partition by shop_id, customer_id
            order by
                case when coalesce(city, region, country) is null then 1 else 0 end asc,
                orders desc,
                last_order_date desc,
                country asc,
                region asc,
                city asc
        ) as place
    from places
),

-- cancellations stand as rows beside the places, for the same reason
gathered as (
    select
        shop_id,
        customer_id,
        customer_key_kind,
        city,
        region,
        country,
        first_purchase_date,
        last_purchase_date,
        orders_placed,
        orders,
        units,
        revenue,
        place,
        0 as amount_without_sale
    from placed
    union all
    select
        shop_id,
        customer_id,
        null as customer_key_kind,
        null as city,
        null as region,
        null as country,
        null as first_purchase_date,
        null as last_purchase_date,
        0 as orders_placed,
        0 as orders,
        0 as units,
        0 as revenue,
        null as place,
        amount as amount_without_sale
    from marts.cancellations
    where match_kind = 'none' and status = 'cancelled' and customer_id is not null
),

totals as (
    select
        shop_id,
        customer_id,
        min(customer_key_kind) as customer_key_kind,
        min(first_purchase_date) as first_purchase_date,
        max(last_purchase_date) as last_purchase_date,
        sum(orders_placed) as orders_placed,
        sum(orders) as orders,
        sum(units) as units,
        sum(revenue) as revenue,
        sum(amount_without_sale) as amount_without_sale,
        max(case when place = 1 then city end) as main_city,
        max(case when place = 1 then region end) as main_region,
        max(case when place = 1 then country end) as main_country
    from gathered
    group by shop_id, customer_id
)

select
    totals.shop_id,
    totals.customer_id,
    totals.customer_key_kind,
    totals.customer_key_kind = 'address' as is_weak_key,
    totals.first_purchase_date,
    totals.last_purchase_date,
    cast(shops.last_order_date - totals.last_purchase_date as integer) as days_since_purchase,
    cast(totals.orders as bigint) as orders,
    cast(totals.orders as bigint) as purchases,
    cast(totals.units as bigint) as units,
    cast(totals.revenue as numeric(28, 4)) as revenue,
    cast(
        round(
            (totals.revenue + totals.amount_without_sale) / nullif(totals.orders, 0), 4
        ) as numeric(28, 4)
    ) as average_purchase_value,
    totals.main_city,
    totals.main_region,
    totals.main_country,
    cast(totals.orders_placed as bigint) as orders_placed,
    cast(totals.amount_without_sale as numeric(28, 4)) as cancelled_amount_without_sale
from totals
inner join shops on totals.shop_id = shops.shop_id
