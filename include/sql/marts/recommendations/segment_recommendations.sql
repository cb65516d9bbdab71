/*
about = "What most customers of each segment bought: lists for customers who have none of their own, and for campaigns. At most 20 products per segment."
grain = ["shop_id", "segmentation", "segment_id", "rank"]
materialized = "table"
[columns]
segmentation = "Which division of customers"
segment_id = "The segment; see segments"
segment_name = "Its name"
rank = "1 = most customers of the segment bought it; ties: the larger lift, then product_id"
product_id = "The product"
product_name = "Its name"
category = "Its category; null where no source names one"
bought_by = "Customers of the segment who bought it"
members = "Customers of the segment who bought anything"
bought_share = "bought_by / members, 0 to 1"
shop_share = "Of all the shop's customers who bought anything, the share who bought it"
lift = "bought_share / shop_share: above 1 = more usual in this segment than in the shop"
[[checks]]
check = "no_gaps"
column = "rank"
by = ["shop_id", "segmentation", "segment_id"]
[[checks]]
check = "compare"
columns = ["bought_by <= members"]
[[checks]]
check = "references"
table = "marts.recommendable_products"
on = ["shop_id", "product_id"]
[[checks]]
check = "unique"
columns = ["shop_id", "segmentation", "segment_id", "product_id"]
*/
with purchases as (
    select distinct
        shop_id,
        customer_id,
        product_id
    from marts.basket_products
    where customer_id is not null
),

-- totals by window and not by join: a planner that takes a join for one row compares all with all
marked as (
    select
        shop_id,
        customer_id,
        product_id,
        count(*) over (partition by shop_id, product_id) as product_customers,
        case
            when row_number() over (partition by shop_id, customer_id order by product_id) = 1
                then 1
            else 0
        end as is_first
    from purchases
),

counted as (
    select
        shop_id,
        customer_id,
        product_id,
        product_customers,
        is_first,
        sum(is_first) over (partition by shop_id) as shop_customers
    from marked
),

bought as (
    select
        labels.shop_id,
        labels.segmentation,
        labels.segment_id,
        counted.product_id,
        count(*) as bought_by,
        sum(counted.is_first) as first_of,
        max(counted.product_customers) as product_customers,
        max(counted.shop_customers) as shop_customers
    from counted
    inner join marts.customer_segments as labels
        on counted.shop_id = labels.shop_id and counted.customer_id = labels.customer_id
    where labels.segment_id >= 0
    group by labels.shop_id, labels.segmentation, labels.segment_id, counted.product_id
),

ranked as (
    select
        shop_id,
        segmentation,
        segment_id,
        product_id,
        bought_by,
        product_customers,
        shop_customers,
        sum(first_of) over (partition by shop_id, segmentation, segment_id) as members,
        row_number() over (
            partition by shop_id, segmentation, segment_id
            order by bought_by desc, product_customers asc, product_id asc
        ) as place
    from bought
)

select
    ranked.shop_id,
    ranked.segmentation,
    ranked.segment_id,
    segments.segment_name,
    cast(ranked.place as integer) as rank,
    ranked.product_id,
    products.product_name,
    products.category,
    ranked.bought_by,
    cast(ranked.members as bigint) as members,
    cast(ranked.bought_by as double precision) / ranked.members as bought_share,
    cast(ranked.product_customers as double precision) / ranked.shop_customers as shop_share,
    cast(ranked.bought_by as double precision) * ranked.shop_customers
    / (cast(ranked.members as double precision) * ranked.product_customers) as lift
from ranked
inner join marts.segments as segments
    on
        ranked.shop_id = segments.shop_id
        and ranked.segmentation = segments.segmentation
        and ranked.segment_id = segments.segment_id
inner join marts.recommendable_products as products
    on
        ranked.shop_id = products.shop_id
        and ranked.product_id = products.product_id
where ranked.place <= 20
