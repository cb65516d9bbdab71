/*
about = "What most customers of each segment bought: lists for customers who have none of their own, and for campaigns. At most 20 products per segment, within the shop's rules for the list segment (ruled_products)."
grain = ["shop_id", "segmentation", "segment_id", "rank"]
materialized = "table"
[columns]
segmentation = "Which division of customers"
segment_id = "The segment; see segments"
segment_name = "Its name"
rank = "1 = most customers of the segment bought it, times the factor of a boost; ties: the larger lift, then product_id"
product_id = "The product"
product_name = "Its name"
category = "Its category; null where no source names one"
bought_by = "Customers of the segment who bought it"
members = "Customers of the segment who bought anything"
bought_share = "bought_by / members, 0 to 1"
shop_share = "Of all the shop's customers who bought anything, the share who bought it"
lift = "bought_share / shop_share: above 1 = more usual in this segment than in the shop; null of a pin that nobody bought"
rule = "What a rule of the shop did to its place: boosted 1.5: category Cables, or pinned to place 1; null where none did"
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

totals as (
    select
        shop_id,
        segmentation,
        segment_id,
        product_id,
        bought_by,
        product_customers,
        shop_customers,
        sum(first_of) over (partition by shop_id, segmentation, segment_id) as members
    from bought
),

rules as (
    select
        shop_id,
        product_id,
        category,
        is_allowed,
        factor,
        case when pin_place <= 20 then pin_place end as pin_place,
        at_most,
        boosted
    from marts.ruled_products
    where list = 'segment'
),

scored as (
    select
        totals.shop_id,
        totals.segmentation,
        totals.segment_id,
        totals.product_id,
        totals.bought_by,
        totals.product_customers,
        totals.shop_customers,
        totals.members,
        totals.bought_by * coalesce(rules.factor, 1) as score,
        rules.category,
        rules.pin_place,
        rules.at_most,
        rules.boosted as rule
    from totals
    left join rules
        on totals.shop_id = rules.shop_id and totals.product_id = rules.product_id
    where coalesce(rules.is_allowed, true)
),

pinned_customers as (
    select
        rules.shop_id,
        rules.product_id,
        rules.pin_place,
        max(coalesce(counted.product_customers, 0)) as product_customers
    from rules
    left join counted
        on rules.shop_id = counted.shop_id and rules.product_id = counted.product_id
    where rules.pin_place is not null
    group by rules.shop_id, rules.product_id, rules.pin_place
),

-- each pin in each list, and by how many it was bought there
pinned as (
    select
        lists.shop_id,
        lists.segmentation,
        lists.segment_id,
        pinned_customers.product_id,
        pinned_customers.pin_place,
        0 as bought_by,
        pinned_customers.product_customers,
        lists.shop_customers,
        lists.members
    from (
        select distinct
            shop_id,
            segmentation,
            segment_id,
            shop_customers,
            members
        from totals
    ) as lists
    inner join pinned_customers on lists.shop_id = pinned_customers.shop_id
    union all
    select
        shop_id,
        segmentation,
        segment_id,
        product_id,
        pin_place,
        bought_by,
        product_customers,
        shop_customers,
        members
    from scored
    where pin_place is not null
),

pins as (
    select
        shop_id,
        segmentation,
        segment_id,
        product_id,
        pin_place,
        sum(bought_by) as bought_by,
        max(product_customers) as product_customers,
        max(shop_customers) as shop_customers,
        max(members) as members,
        row_number() over (
            partition by shop_id, segmentation, segment_id order by pin_place asc
        ) as pin_number,
        count(*) over (partition by shop_id, segmentation, segment_id) as pins
    from pinned
    group by shop_id, segmentation, segment_id, product_id, pin_place
),

pins_of_category as (
    select
        shop_id,
        category,
        count(*) as pins
    from rules
    where pin_place is not null
    group by shop_id, category
),

capped as (
    select
        scored.*,
        scored.at_most - coalesce(pins.pins, 0) as room,
        row_number() over (
            partition by
                scored.shop_id, scored.segmentation, scored.segment_id, scored.category
            order by scored.score desc, scored.product_customers asc, scored.product_id asc
        ) as place_of_category
    from scored
    left join pins_of_category as pins
        on scored.shop_id = pins.shop_id and scored.category = pins.category
    where scored.at_most is not null and scored.pin_place is null
),

others as (
    select
        shop_id,
        segmentation,
        segment_id,
        product_id,
        bought_by,
        product_customers,
        shop_customers,
        members,
        score,
        rule
    from scored
    where at_most is null and pin_place is null
    union all
    select
        shop_id,
        segmentation,
        segment_id,
        product_id,
        bought_by,
        product_customers,
        shop_customers,
        members,
        score,
        rule
    from capped
    where place_of_category <= room
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
        members,
        rule,
        row_number() over (
            partition by shop_id, segmentation, segment_id
            order by score desc, product_customers asc, product_id asc
        ) as place
    from others
),

-- so many of the others stand before a pin as its place says, without the pins before it
listed as (
    select
        ranked.shop_id,
        ranked.segmentation,
        ranked.segment_id,
        ranked.product_id,
        ranked.bought_by,
        ranked.product_customers,
        ranked.shop_customers,
        ranked.members,
        ranked.rule,
        ranked.place,
        0 as pin_number
    from ranked
    left join pins
        on
            ranked.shop_id = pins.shop_id
            and ranked.segmentation = pins.segmentation
            and ranked.segment_id = pins.segment_id
            and pins.pin_number = 1
    where ranked.place <= 20 and ranked.place <= 20 - coalesce(pins.pins, 0)
    union all
    select
        shop_id,
        segmentation,
        segment_id,
        product_id,
        bought_by,
        product_customers,
        shop_customers,
        members,
        'pinned to place ' || cast(pin_place as text) as rule,
        pin_place - pin_number as place,
        pin_number
    from pins
)

select
    listed.shop_id,
    listed.segmentation,
    listed.segment_id,
    segments.segment_name,
    cast(row_number() over (
        partition by listed.shop_id, listed.segmentation, listed.segment_id
        order by listed.place asc, listed.pin_number asc
    ) as integer) as rank,
    listed.product_id,
    products.product_name,
    products.category,
    cast(listed.bought_by as bigint) as bought_by,
    cast(listed.members as bigint) as members,
    cast(listed.bought_by as double precision) / listed.members as bought_share,
    cast(listed.product_customers as double precision) / listed.shop_customers as shop_share,
    cast(listed.bought_by as double precision) * listed.shop_customers
    / (cast(listed.members as double precision) * nullif(listed.product_customers, 0)) as lift,
    listed.rule
from listed
inner join marts.segments as segments
    on
        listed.shop_id = segments.shop_id
        and listed.segmentation = segments.segmentation
        and listed.segment_id = segments.segment_id
inner join marts.recommendable_products as products
    on
        listed.shop_id = products.shop_id
        and listed.product_id = products.product_id
