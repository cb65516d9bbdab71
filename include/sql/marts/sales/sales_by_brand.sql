/*
about = "Revenue, orders and events by brand; what names no brand is 'unknown'. Revenue is of product lines, views are of events."
grain = ["shop_id", "brand"]
materialized = "table"
[columns]
brand = "The brand as the source writes it, or 'unknown'"
sold_lines = "Product lines only: what sold_lines_rank goes by"
views = "View events of the brand; 0 in shops without events"
revenue = "Product lines only; null in shops without any: nothing tells what was earned"
revenue_rank = "1 = most revenue among the named brands; ties: more units, then first in the alphabet; null for 'unknown'"
sold_lines_rank = "1 = most sold lines among the named brands; ties: more revenue, then first in the alphabet; null for 'unknown'"
[[measures]]
names = ["revenue", "units", "sold_lines"]
rows = "whole"
where_there = "line_kind = 'product'"
*/
with lines as (
    select
        shop_id,
        coalesce(brand, 'unknown') as brand,
        sum(case when status = 'sold' then 1 else 0 end) as sold_lines,
        sum(net_quantity) as units,
        sum(revenue) as revenue,
        count(*) as lines
    from marts.order_lines
    where line_kind = 'product'
    group by shop_id, coalesce(brand, 'unknown')
),

views as (
    select
        shop_id,
        coalesce(brand, 'unknown') as brand,
        count(*) as views
    from marts.events
    where event_type = 'view'
    group by shop_id, coalesce(brand, 'unknown')
),

brands as (
    select
        coalesce(lines.shop_id, views.shop_id) as shop_id,
        coalesce(lines.brand, views.brand) as brand,
        coalesce(lines.sold_lines, 0) as sold_lines,
        coalesce(lines.units, 0) as units,
        coalesce(lines.revenue, 0) as revenue,
        coalesce(lines.lines, 0) as lines,
        coalesce(views.views, 0) as views,
        case when coalesce(lines.brand, views.brand) = 'unknown' then 1 else 0 end as is_unknown
    from lines
    full join views
        on
            lines.shop_id = views.shop_id
            and lines.brand = views.brand
)

select
    shop_id,
    brand,
    cast(views as bigint) as views,
    cast(sold_lines as bigint) as sold_lines,
    cast(units as bigint) as units,
    cast(
        case when sum(lines) over (partition by shop_id) > 0 then revenue end as numeric(28, 4)
    ) as revenue,
    case
        when is_unknown = 0
            then
                cast(row_number() over (
                    partition by shop_id
                    order by is_unknown asc, revenue desc, units desc, brand asc
                ) as integer)
    end as revenue_rank,
    case
        when is_unknown = 0
            then
                cast(row_number() over (
                    partition by shop_id
                    order by is_unknown asc, sold_lines desc, revenue desc, brand asc
                ) as integer)
    end as sold_lines_rank
from brands
