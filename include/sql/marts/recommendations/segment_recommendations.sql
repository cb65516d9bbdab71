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

buyers as (
    select distinct
        shop_id,
        customer_id
    from purchases
),

shop_buyers as (
    select
        shop_id,
        count(*) as customers
    from buyers
    group by shop_id
),

product_buyers as (
    select
        shop_id,
        product_id,
        count(*) as customers
    from purchases
    group by shop_id, product_id
),

members as (
    select
        labels.shop_id,
        labels.segmentation,
        labels.segment_id,
        labels.customer_id
    from marts.customer_segments as labels
    inner join buyers
        on labels.shop_id = buyers.shop_id and labels.customer_id = buyers.customer_id
    where labels.segment_id >= 0
),

segment_members as (
    select
        shop_id,
        segmentation,
        segment_id,
        count(*) as members
    from members
    group by shop_id, segmentation, segment_id
),

bought as (
    select
        members.shop_id,
        members.segmentation,
        members.segment_id,
        purchases.product_id,
        count(*) as bought_by
    from members
    inner join purchases
        on members.shop_id = purchases.shop_id and members.customer_id = purchases.customer_id
    group by members.shop_id, members.segmentation, members.segment_id, purchases.product_id
),

ranked as (
    select
        bought.shop_id,
        bought.segmentation,
        bought.segment_id,
        bought.product_id,
        bought.bought_by,
        segment_members.members,
        product_buyers.customers as product_customers,
        shop_buyers.customers as shop_customers,
        row_number() over (
            partition by bought.shop_id, bought.segmentation, bought.segment_id
            order by bought.bought_by desc, product_buyers.customers asc, bought.product_id asc
        ) as place
    from bought
    inner join segment_members
        on
            bought.shop_id = segment_members.shop_id
            and bought.segmentation = segment_members.segmentation
            and bought.segment_id = segment_members.segment_id
    inner join product_buyers
        on
            bought.shop_id = product_buyers.shop_id
            and bought.product_id = product_buyers.product_id
    inner join shop_buyers on bought.shop_id = shop_buyers.shop_id
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
    ranked.members,
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
