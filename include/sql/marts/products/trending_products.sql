/*
about = "What sells now and what is on the rise: units per day of each product, older days counting less, by halves every 14 days, counted back from the shop's last order day and never from today. Product lines only. Source: simple exponential smoothing, Hyndman and Athanasopoulos, Forecasting: Principles and Practice, 3rd ed., section 8.1, https://otexts.com/fpp3/ses.html, its weights summing to 1 over the days known"
grain = ["shop_id", "product_id"]
materialized = "table"
[columns]
last_order_date = "The shop's last order day: what is counted back from"
units_rate = "Units per day: sum of 0.5 ^ (age in days / 14) * units over the shop's days, divided by the sum of the weights"
recent_orders = "Purchases of the product in the last 28 days"
earlier_orders = "The same in the 28 days before"
trend_z = "(recent_orders - earlier_orders) / sqrt(recent_orders + earlier_orders): how far the change is outside chance, 2 is about 1 in 40 on that side (difference of two Poisson counts; Przyborowski and Wilenski, Biometrika 31, 1940, https://doi.org/10.2307/2332612); null where nothing was sold"
change_ratio = "recent_orders / earlier_orders, above 1 where trend_z is above 0; null where there were none earlier"
direction = "By the orders alone: rising (trend_z at least 2), falling (at most -2) or steady; new: first sold in the last 28 days; too few orders: fewer than 10 in both periods together; too little history: the shop has fewer than 56 days"
rate_rank = "1 = highest units_rate; ties: product_id"
rate_rank_in_category = "The same among the products of the category"
trend_rank = "1 = trend_z farthest from 0 among the rising, and among the falling; ties: higher units_rate, then product_id; null for the others"
trend_rank_in_category = "The same among the products of the category"
[[checks]]
check = "sums_match"
table = "marts.order_lines"
sums = ["count(*) = count(distinct product_id)"]
where_there = "line_kind = 'product'"
[[checks]]
check = "filled_where"
columns = ["trend_rank"]
where = "direction in ('rising', 'falling')"
*/
with purchases as (
    select
        shop_id,
        order_id
    from marts.orders
    where is_purchase
),

shops as (
    select
        shop_id,
        last_order_date,
        cast(last_order_date - first_order_date as integer) + 1 as days_known
    from marts.shops
),

order_lines as (
    select
        shop_id,
        order_id,
        product_id,
        product_name,
        category,
        order_date,
        status,
        net_quantity
    from marts.order_lines
    where line_kind = 'product'
),

-- weights are numeric, so that sums do not depend on the order of the rows
days as (
    select
        sold_on.shop_id,
        sold_on.order_date,
        cast(shops.last_order_date - sold_on.order_date as integer) as age,
        cast(
            power(
                cast(0.5 as double precision),
                cast(shops.last_order_date - sold_on.order_date as integer) / 14.0
            ) as numeric(20, 12)
        ) as weight
    from (
        select distinct
            shop_id,
            order_date
        from order_lines
    ) as sold_on
    inner join shops on sold_on.shop_id = shops.shop_id
),

-- joined to the shops, not to the days: the planner would join each purchase with every day first
recent as (
    select
        order_lines.shop_id,
        order_lines.order_id,
        order_lines.product_id,
        order_lines.product_name,
        order_lines.category,
        cast(shops.last_order_date - order_lines.order_date as integer) as age
    from order_lines
    inner join shops on order_lines.shop_id = shops.shop_id
    where
        order_lines.order_date > shops.last_order_date - 56
        and order_lines.status = 'sold'
),

-- a day's units are summed before they are weighed, and orders are counted among the lines of two
-- months only
sold as (
    select
        daily.shop_id,
        daily.product_id,
        daily.product_name,
        daily.category,
        daily.units * days.weight as decayed_units,
        0 as recent_orders,
        0 as earlier_orders,
        days.age
    from (
        select
            shop_id,
            product_id,
            product_name,
            category,
            order_date,
            sum(net_quantity) as units
        from order_lines
        group by shop_id, product_id, product_name, category, order_date
    ) as daily
    inner join days
        on
            daily.shop_id = days.shop_id
            and daily.order_date = days.order_date
    union all
    select
        recent.shop_id,
        recent.product_id,
        recent.product_name,
        recent.category,
        0 as decayed_units,
        count(distinct case when recent.age < 28 then recent.order_id end) as recent_orders,
        count(distinct case when recent.age > 27 then recent.order_id end) as earlier_orders,
        0 as age
    from recent
    inner join purchases
        on
            recent.shop_id = purchases.shop_id
            and recent.order_id = purchases.order_id
    group by
        recent.product_id,
        recent.product_name,
        recent.category,
        recent.shop_id
),

products as (
    select
        shop_id,
        product_id,
        product_name,
        category,
        sum(decayed_units) as decayed_units,
        cast(sum(recent_orders) as bigint) as recent_orders,
        cast(sum(earlier_orders) as bigint) as earlier_orders,
        max(age) as first_age
    from sold
    group by product_id, product_name, category, shop_id
),

-- the sum of the weights of n days is (1 - 0.5 ^ (n / 14)) / (1 - 0.5 ^ (1 / 14))
totals as (
    select
        shop_id,
        last_order_date,
        days_known,
        cast(
            (1 - power(cast(0.5 as double precision), days_known / 14.0))
            / (1 - power(cast(0.5 as double precision), 1 / 14.0)) as numeric(20, 12)
        ) as weight
    from shops
),

rated as (
    select
        products.*,
        totals.last_order_date,
        totals.days_known,
        products.recent_orders + products.earlier_orders as both_orders,
        cast(round(products.decayed_units / totals.weight, 8) as numeric(28, 8)) as units_rate,
        cast(
            round(
                cast(
                    (products.recent_orders - products.earlier_orders)
                    / sqrt(
                        cast(
                            nullif(products.recent_orders + products.earlier_orders, 0)
                            as double precision
                        )
                    ) as numeric(20, 12)
                ), 4
            ) as double precision
        ) as trend_z
    from products
    inner join totals on products.shop_id = totals.shop_id
),

directed as (
    select
        *,
        case
            when days_known < 56 then 'too little history'
            when both_orders < 10 then 'too few orders'
            when first_age < 28 then 'new'
            when trend_z >= 2 then 'rising'
            when trend_z <= -2 then 'falling'
            else 'steady'
        end as direction
    from rated
)

select
    shop_id,
    product_id,
    product_name,
    category,
    last_order_date,
    units_rate,
    recent_orders,
    earlier_orders,
    cast(
        round(cast(recent_orders as numeric(20, 4)) / nullif(earlier_orders, 0), 4)
        as double precision
    ) as change_ratio,
    trend_z,
    cast(direction as text) as direction,
    cast(row_number() over (
        partition by shop_id
        order by units_rate desc, product_id asc
    ) as integer) as rate_rank,
    cast(row_number() over (
        partition by shop_id, category
        order by units_rate desc, product_id asc
    ) as integer) as rate_rank_in_category,
    case
        when direction in ('rising', 'falling')
            then cast(row_number() over (
                partition by shop_id, direction
                order by abs(trend_z) desc, units_rate desc, product_id asc
            ) as integer)
    end as trend_rank,
    case
        when direction in ('rising', 'falling')
            then cast(row_number() over (
                partition by shop_id, category, direction
                order by abs(trend_z) desc, units_rate desc, product_id asc
            ) as integer)
    end as trend_rank_in_category
from directed
