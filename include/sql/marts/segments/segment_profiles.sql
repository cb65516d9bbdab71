/*
about = "One row per segment: its meaning, its shares of orders, sales and quantity, and what sets it apart. The orders of a segment of customers are those of its customers. All of them are purchases (orders.is_purchase): what was never bought, or wholly taken back, is in no segment, nor is the money that later orders took back."
grain = ["shop_id", "segmentation", "segment_id"]
materialized = "table"
[columns]
meaning = "What the segment means, in a plain sentence derived by rule from its traits"
members = "Members of the segment"
member_share = "members / members of all segments of the segmentation, 0 to 1"
customers = "Those of the segment's orders; the members of a segment of customers. A customer with orders in several segments of orders counts in each. Null, as all figures of orders, for a segment of a customer file's rows: its purchases are not counted"
customer_share = "customers / known customers of the shop with a purchase, 0 to 1; null where the source knows no customers"
orders = "Purchases labelled with the segment, or made by its customers"
order_share = "Share of the orders of all segments of the segmentation, 0 to 1; sums to 1"
unit_share = "Share of the units of those orders, 0 to 1; null where it is no such part: below 0, or above all of them"
revenue_share = "Share of the revenue of those orders, 0 to 1; null where it is no such part: below 0, or above all of it"
average_units = "units / orders, rounded to 8 decimals; null without orders"
average_unit_price = "Price of one piece, averaged over the pieces of the segment's orders, rounded to 4 decimals"
peak_hour = "Hour 0 to 23 with most orders; ties: the earlier; null for segments of customers"
peak_month_date = "First day of the month with most orders; ties: the earlier; null for segments of customers"
top_category = "Category with most product lines; ties: first in the alphabet; null where that is unknown, and for segments of customers"
top_price_band = "Price band with most product lines; ties: the lower; null for segments of customers"
top_city = "City with most orders; ties: first in the alphabet; null where that is unknown, and for segments of customers"
trait_1 = "The strongest claim that holds of the segment, with its shares in words; null where none does"
trait_2 = "The second such claim; null if there is none"
trait_3 = "The third such claim; null if there is none"
is_small = "Whether the segment is smaller than its model allows for a good one"
is_degenerate = "Whether the data gave too little to tell segments apart"
[[measures]]
names = ["orders", "units", "revenue"]
rows = "own"
check = "sums_match_orders"
[[measures]]
names = ["customers"]
rows = "part"
[[measures]]
names = ["lines"]
rows = "part"
where_there = "line_kind = 'product'"
[[checks]]
check = "compare"
columns = ["members = orders"]
where = "segmentation in (select segmentation from marts.order_segments)"
sentence = "A segment of orders has other members than orders labelled with it"
[[checks]]
check = "share_of"
shares = [
    "member_share = members",
    "order_share = orders",
    "unit_share = units",
    "revenue_share = revenue",
]
by = ["shop_id", "segmentation"]
[[checks]]
check = "sums_match"
table = "marts.orders"
sums = ["orders = count(*)", "units", "revenue"]
each = ["segmentation"]
where = "segmentation in (select segmentation from marts.order_segments)"
where_there = "is_purchase and shop_id in (select shop_id from marts.order_segments)"
[[checks]]
check = "sums_match"
table = "marts.customers"
sums = ["members = count(*)"]
each = ["segmentation"]
where = "segmentation in (select segmentation from marts.customer_segments)"
where_there = "purchases > 0 and shop_id in (select shop_id from marts.customer_segments)"
[[checks]]
check = "sums_match"
table = "marts.orders"
sums = ["orders = count(*)", "units", "revenue"]
each = ["segmentation"]
where = "segmentation in (select segmentation from marts.customer_segments)"
where_there = "is_purchase and customer_id is not null and shop_id in (select shop_id from marts.customer_segments)"
name = "purchases_of_customers_match"
*/
with segments as (
    select
        shop_id,
        segmentation,
        segment_id,
        segment_name,
        meaning,
        members,
        is_small,
        is_degenerate
    from marts.segments
),

sums as (
    select
        shop_id,
        segmentation,
        segment_id,
        customers,
        orders,
        lines,
        pieces,
        gross_amount,
        units,
        revenue
    from marts.segment_totals
),

-- segments of a customer file's rows, bought or not: no purchase is counted for them, which is not 0
profiles as (
    select distinct
        shop_id,
        segmentation
    from marts.profile_segments
),

shop_customers as (
    select
        shop_id,
        customers
    from marts.kpis
),

totals as (
    select
        shop_id,
        segmentation,
        cast(sum(orders) as numeric(38, 12)) as orders,
        cast(sum(units) as numeric(38, 12)) as units,
        cast(sum(revenue) as numeric(38, 12)) as revenue
    from sums
    group by shop_id, segmentation
),

member_totals as (
    select
        shop_id,
        segmentation,
        cast(sum(members) as numeric(38, 12)) as members
    from segments
    group by shop_id, segmentation
),

hours as (
    select
        shop_id,
        segmentation,
        segment_id,
        order_hour,
        row_number() over (
            partition by shop_id, segmentation, segment_id
            order by orders desc, order_hour asc
        ) as place
    from marts.segment_by_hour
),

months as (
    select
        shop_id,
        segmentation,
        segment_id,
        order_month_date,
        row_number() over (
            partition by shop_id, segmentation, segment_id
            order by orders desc, order_month_date asc
        ) as place
    from marts.segment_by_month
),

categories as (
    select
        shop_id,
        segmentation,
        segment_id,
        category,
        row_number() over (
            partition by shop_id, segmentation, segment_id
            order by lines desc, category asc
        ) as place
    from marts.segment_by_category
),

price_bands as (
    select
        shop_id,
        segmentation,
        segment_id,
        price_band,
        row_number() over (
            partition by shop_id, segmentation, segment_id
            order by lines desc, price_band_number asc
        ) as place
    from marts.segment_by_price_band
),

cities as (
    select
        shop_id,
        segmentation,
        segment_id,
        city,
        row_number() over (
            partition by shop_id, segmentation, segment_id
            order by orders desc, city asc, region asc, country asc
        ) as place
    from marts.segment_by_city
),

claims as (
    select
        shop_id,
        segmentation,
        segment_id,
        sentence,
        row_number() over (
            partition by shop_id, segmentation, segment_id order by trait_rank
        ) as place
    from marts.segment_traits
    where claim is not null
),

traits as (
    select
        shop_id,
        segmentation,
        segment_id,
        max(case when place = 1 then sentence end) as trait_1,
        max(case when place = 2 then sentence end) as trait_2,
        max(case when place = 3 then sentence end) as trait_3
    from claims
    group by shop_id, segmentation, segment_id
)

select
    segments.shop_id,
    segments.segmentation,
    segments.segment_id,
    segments.segment_name,
    segments.meaning,
    segments.members,
    cast(
        round(segments.members / nullif(member_totals.members, 0), 8) as double precision
    ) as member_share,
    case when profiles.segmentation is null then coalesce(sums.customers, 0) end as customers,
    cast(
        round(
            cast(sums.customers as numeric(38, 12)) / nullif(shop_customers.customers, 0), 8
        ) as double precision
    ) as customer_share,
    case when profiles.segmentation is null then coalesce(sums.orders, 0) end as orders,
    cast(
        case when profiles.segmentation is null then coalesce(sums.lines, 0) end as bigint
    ) as lines,
    cast(
        case when profiles.segmentation is null then coalesce(sums.units, 0) end as bigint
    ) as units,
    cast(
        case
            when profiles.segmentation is null then coalesce(sums.revenue, 0)
        end as numeric(28, 4)
    ) as revenue,
    cast(round(sums.orders / totals.orders, 8) as double precision) as order_share,
    cast(
        case
            when sums.units between 0 and totals.units and totals.units > 0
                then round(sums.units / totals.units, 8)
        end as double precision
    ) as unit_share,
    cast(
        case
            when sums.revenue between 0 and totals.revenue and totals.revenue > 0
                then round(sums.revenue / totals.revenue, 8)
        end as double precision
    ) as revenue_share,
    cast(round(sums.revenue / sums.orders, 4) as numeric(28, 4)) as average_order_value,
    cast(
        round(cast(sums.units as numeric(38, 12)) / sums.orders, 8) as double precision
    ) as average_units,
    cast(
        round(sums.gross_amount / nullif(sums.pieces, 0), 4) as numeric(28, 4)
    ) as average_unit_price,
    hours.order_hour as peak_hour,
    months.order_month_date as peak_month_date,
    nullif(categories.category, 'unknown') as top_category,
    price_bands.price_band as top_price_band,
    nullif(cities.city, 'unknown') as top_city,
    traits.trait_1,
    traits.trait_2,
    traits.trait_3,
    segments.is_small,
    segments.is_degenerate
from segments
inner join member_totals
    on
        segments.shop_id = member_totals.shop_id
        and segments.segmentation = member_totals.segmentation
left join profiles
    on
        segments.shop_id = profiles.shop_id
        and segments.segmentation = profiles.segmentation
left join shop_customers on segments.shop_id = shop_customers.shop_id
left join totals
    on
        segments.shop_id = totals.shop_id
        and segments.segmentation = totals.segmentation
left join sums
    on
        segments.shop_id = sums.shop_id
        and segments.segmentation = sums.segmentation
        and segments.segment_id = sums.segment_id
left join hours
    on
        segments.shop_id = hours.shop_id
        and segments.segmentation = hours.segmentation
        and segments.segment_id = hours.segment_id
        and hours.place = 1
left join months
    on
        segments.shop_id = months.shop_id
        and segments.segmentation = months.segmentation
        and segments.segment_id = months.segment_id
        and months.place = 1
left join categories
    on
        segments.shop_id = categories.shop_id
        and segments.segmentation = categories.segmentation
        and segments.segment_id = categories.segment_id
        and categories.place = 1
left join price_bands
    on
        segments.shop_id = price_bands.shop_id
        and segments.segmentation = price_bands.segmentation
        and segments.segment_id = price_bands.segment_id
        and price_bands.place = 1
left join cities
    on
        segments.shop_id = cities.shop_id
        and segments.segmentation = cities.segmentation
        and segments.segment_id = cities.segment_id
        and cities.place = 1
left join traits
    on
        segments.shop_id = traits.shop_id
        and segments.segmentation = traits.segmentation
        and segments.segment_id = traits.segment_id
