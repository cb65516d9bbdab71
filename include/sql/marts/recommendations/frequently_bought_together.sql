/*
about = "Which products are bought in one order with which: support, confidence and lift of every directed pair (Agrawal, Imielinski, Swami 1993, doi:10.1145/170035.170072; lift: Brin et al. 1997, doi:10.1145/253260.253325). A basket is the different products on an order's sold lines; baskets of more than 50 products (wholesale) are left out. At most 100 partners per product."
grain = ["shop_id", "product_id", "other_product_id"]
materialized = "table"
[columns]
rank = "1 = most often bought together; ties: higher lift, then other_product_id"
other_product_id = "The product bought with it"
other_product_name = "Its name"
together_baskets = "Baskets with both products"
product_baskets = "Baskets with product_id"
other_product_baskets = "Baskets with other_product_id"
baskets = "All baskets counted"
baskets_left_out = "Baskets left out because they hold more than 50 products"
support = "together_baskets / baskets, 0 to 1"
confidence = "together_baskets / product_baskets: how often the other is bought too, 0 to 1"
lift = "confidence / (other_product_baskets / baskets): above 1 = together more often than by chance"
[[checks]]
check = "compare"
columns = ["product_id <> other_product_id"]
sentence = "A product is bought together with itself"
[[checks]]
check = "symmetric"
pair = ["product_id", "other_product_id"]
same = ["together_baskets", "lift"]
*/
with sold_lines as (
    select
        shop_id,
        order_id,
        product_id
    from marts.order_lines
    where status = 'sold' and line_kind = 'product'
),

products as (
    select
        shop_id,
        product_id,
        product_name
    from marts.products
),

baskets as (
    select
        shop_id,
        order_id,
        array_agg(distinct product_id) as product_ids,
        count(distinct product_id) as basket_size
    from sold_lines
    group by shop_id, order_id
),

totals as (
    select
        shop_id,
        sum(case when basket_size <= 50 then 1 else 0 end) as baskets,
        sum(case when basket_size > 50 then 1 else 0 end) as baskets_left_out
    from baskets
    group by shop_id
),

-- unfolding each basket twice needs no join of lines with lines, which a planner that takes
-- the lines for few would run as a nested loop; a product beside itself counts its own baskets
pairs as (
    select
        baskets.shop_id,
        one.product_id,
        other.product_id as other_product_id,
        count(*) as together_baskets
    from baskets
    cross join lateral unnest(baskets.product_ids) as one (product_id)
    cross join lateral unnest(baskets.product_ids) as other (product_id)
    where baskets.basket_size <= 50
    group by baskets.shop_id, one.product_id, other.product_id
),

counted as (
    select
        shop_id,
        product_id,
        other_product_id,
        together_baskets,
        max(case when product_id = other_product_id then together_baskets end) over (
            partition by shop_id, product_id
        ) as product_baskets,
        max(case when product_id = other_product_id then together_baskets end) over (
            partition by shop_id, other_product_id
        ) as other_product_baskets
    from pairs
),

ranked as (
    select
        shop_id,
        product_id,
        other_product_id,
        together_baskets,
        product_baskets,
        other_product_baskets,
        row_number() over (
            partition by shop_id, product_id
            order by
                together_baskets desc,
                other_product_baskets asc,
                other_product_id asc
        ) as place
    from counted
    where product_id <> other_product_id
)

select
    ranked.shop_id,
    ranked.product_id,
    product.product_name,
    cast(ranked.place as integer) as rank,
    ranked.other_product_id,
    other_product.product_name as other_product_name,
    ranked.together_baskets,
    ranked.product_baskets,
    ranked.other_product_baskets,
    cast(totals.baskets as bigint) as baskets,
    cast(totals.baskets_left_out as bigint) as baskets_left_out,
    cast(
        round(cast(ranked.together_baskets as numeric(38, 12)) / totals.baskets, 8)
        as double precision
    ) as support,
    cast(
        round(cast(ranked.together_baskets as numeric(38, 12)) / ranked.product_baskets, 8)
        as double precision
    ) as confidence,
    cast(
        round(
            cast(ranked.together_baskets as numeric(38, 12)) * totals.baskets
            / (cast(ranked.product_baskets as numeric(38, 0)) * ranked.other_product_baskets), 8
        ) as double precision
    ) as lift
from ranked
inner join totals on ranked.shop_id = totals.shop_id
inner join products as product
    on
        ranked.shop_id = product.shop_id
        and ranked.product_id = product.product_id
inner join products as other_product
    on
        ranked.shop_id = other_product.shop_id
        and ranked.other_product_id = other_product.product_id
where ranked.place <= 100
