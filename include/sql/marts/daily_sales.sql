/*
about = "One row per shop and shop-local day on which something was ordered. An order counts on the day of its first line."
grain = ["shop_id", "order_date"]
materialized = "table"
[columns]
revenue = "Revenue of the day's orders"
customers = "Different known customers; null where the source has no customers"
[[checks]]
name = "revenue_matches_orders"
level = "fail"
sentence = "Orders, units or revenue of the days differ from the order lines"
sql = '''
select l.shop_id, l.revenue, d.revenue as mart_revenue, l.orders, d.orders as mart_orders
from (
    select shop_id, count(distinct order_id) as orders, sum(net_quantity) as units, sum(revenue) as revenue
    from marts.order_lines group by shop_id
) as l
full join (
    select shop_id, sum(orders) as orders, sum(units) as units, sum(revenue) as revenue
    from marts.daily_sales group by shop_id
) as d on l.shop_id = d.shop_id
where l.orders is distinct from d.orders or l.units is distinct from d.units
    or l.revenue is distinct from d.revenue
'''
*/
with orders as (
    select
        shop_id,
        order_date,
        order_month_date,
        order_weekday,
        lines,
        units,
        revenue,
        customer_id
    from marts.orders
)

select
    shop_id,
    order_date,
    order_month_date,
    order_weekday,
    count(*) as orders,
    cast(sum(lines) as bigint) as lines,
    cast(sum(units) as bigint) as units,
    cast(sum(revenue) as numeric(28, 4)) as revenue,
    cast(round(sum(revenue) / count(*), 4) as numeric(28, 4)) as average_order_value,
    nullif(count(distinct customer_id), 0) as customers
from orders
group by shop_id, order_date, order_month_date, order_weekday
