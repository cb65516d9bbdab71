/*
about = "How orders, order lines, units and revenue spread over the cities orders went to."
grain = ["shop_id", "country", "region", "city"]
materialized = "table"
[columns]
city = "City of the delivery address; 'unknown' where there is none"
region = "State or region, which tells cities of one name apart; 'unknown' where there is none"
country = "Country of the delivery address; 'unknown' where there is none"
lines = "Product lines only"
revenue_rank = "1 = most revenue; ties: more units, then country, region, city"
[[measures]]
names = ["orders", "revenue", "units"]
rows = "whole"
[[measures]]
names = ["lines"]
rows = "whole"
where_there = "line_kind = 'product'"
*/
with orders as (
    select
        shop_id,
        lines,
        units,
        revenue,
        case when is_purchase then 1 else 0 end as is_purchase,
        coalesce(country, 'unknown') as country,
        coalesce(region, 'unknown') as region,
        coalesce(city, 'unknown') as city
    from marts.orders
),

cities as (
    select
        shop_id,
        country,
        region,
        city,
        cast(sum(is_purchase) as bigint) as orders,
        cast(sum(lines) as bigint) as lines,
        cast(sum(units) as bigint) as units,
        cast(sum(revenue) as numeric(28, 4)) as revenue
    from orders
    group by shop_id, country, region, city
),

totals as (
    select
        shop_id,
        cast(sum(orders) as numeric(38, 12)) as orders,
        cast(sum(units) as numeric(38, 12)) as units,
        cast(sum(revenue) as numeric(38, 12)) as revenue
    from cities
    group by shop_id
)

select
    cities.shop_id,
    cities.country,
    cities.region,
    cities.city,
    cities.orders,
    cities.lines,
    cities.units,
    cities.revenue,
    cast(
        round(cities.revenue / nullif(cities.orders, 0), 4) as numeric(28, 4)
    ) as average_order_value,
    cast(
        round(cities.orders / nullif(totals.orders, 0), 8) as double precision
    ) as order_share,
    cast(
        case
            when cities.units between 0 and totals.units and totals.units > 0
                then round(cities.units / totals.units, 8)
        end as double precision
    ) as unit_share,
    cast(
        case
            when cities.revenue between 0 and totals.revenue and totals.revenue > 0
                then round(cities.revenue / totals.revenue, 8)
        end as double precision
    ) as revenue_share,
    cast(row_number() over (
        partition by cities.shop_id
        order by
            cities.revenue desc,
            cities.units desc,
            cities.country asc,
            cities.region asc,
            cities.city asc
    ) as integer) as revenue_rank
from cities
inner join totals on cities.shop_id = totals.shop_id
