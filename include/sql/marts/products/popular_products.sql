/*
about = "Best-selling products, overall and per month, by units and by revenue, in the shop and within their category."
grain = ["shop_id", "period", "period_start_date", "product_id"]
materialized = "table"
[columns]
period = "overall, or month: the month of the order line"
period_start_date = "First day of the month; for overall, of the shop's first month with sales"
orders = "Those that sold the product"
revenue = "Product lines only"
units_rank = "1 = most units; ties: more revenue, then product_id"
revenue_rank = "1 = most revenue; ties: more units, then product_id"
units_rank_in_category = "The same as units_rank among the products of the category"
[[measures]]
names = ["units", "revenue"]
rows = "whole"
each = ["period"]
where_there = "line_kind = 'product'"
[[measures]]
names = ["orders"]
rows = "part"
[[checks]]
check = "sums_match"
table = "marts.products"
by = ["shop_id", "product_id"]
sums = ["units", "revenue"]
where = "period = 'overall'"
name = "overall_matches_products"
[[checks]]
check = "sums_match"
table = "marts.products"
by = ["shop_id", "product_id"]
sums = ["units", "revenue"]
where = "period = 'month'"
name = "months_match_products"
*/
with left_out as (
    select
        shop_id,
        order_id,
        1 as is_left_out
    from marts.orders
    where not is_purchase
),

order_lines as (
    select
        order_lines.shop_id,
        case
            when order_lines.status = 'sold' and left_out.is_left_out is null
                then order_lines.order_id
        end as order_id,
        order_lines.product_id,
        order_lines.order_month_date,
        order_lines.net_quantity,
        order_lines.revenue
    from marts.order_lines as order_lines
    left join left_out
        on
            order_lines.shop_id = left_out.shop_id
            and order_lines.order_id = left_out.order_id
    where order_lines.line_kind = 'product'
),

products as (
    select
        shop_id,
        product_id,
        product_name,
        category,
        orders,
        units,
        revenue
    from marts.products
),

starts as (
    select
        shop_id,
        min(order_month_date) as first_month_date
    from order_lines
    group by shop_id
),

months as (
    select
        shop_id,
        product_id,
        order_month_date,
        count(distinct order_id) as orders,
        cast(sum(net_quantity) as bigint) as units,
        cast(sum(revenue) as numeric(28, 4)) as revenue
    from order_lines
    group by product_id, order_month_date, shop_id
),

periods as (
    select
        months.shop_id,
        'month' as period,
        months.order_month_date as period_start_date,
        months.product_id,
        products.product_name,
        products.category,
        months.orders,
        months.units,
        months.revenue
    from months
    inner join products
        on
            months.shop_id = products.shop_id
            and months.product_id = products.product_id
    union all
    select
        products.shop_id,
        'overall' as period,
        starts.first_month_date as period_start_date,
        products.product_id,
        products.product_name,
        products.category,
        products.orders,
        products.units,
        products.revenue
    from products
    inner join starts on products.shop_id = starts.shop_id
)

select
    shop_id,
    cast(period as text) as period,
    period_start_date,
    product_id,
    product_name,
    category,
    orders,
    units,
    revenue,
    cast(row_number() over (
        partition by shop_id, period, period_start_date
        order by units desc, revenue desc, product_id asc
    ) as integer) as units_rank,
    cast(row_number() over (
        partition by shop_id, period, period_start_date
        order by revenue desc, units desc, product_id asc
    ) as integer) as revenue_rank,
    cast(row_number() over (
        partition by shop_id, period, period_start_date, category
        order by units desc, revenue desc, product_id asc
    ) as integer) as units_rank_in_category
from periods
