/*
about = "Which products are bought in one order with which: support, confidence and lift of every directed pair (Agrawal, Imielinski, Swami 1993, doi:10.1145/170035.170072; lift: Brin et al. 1997, doi:10.1145/253260.253325). A basket is the different products on an order's sold lines; baskets of more than 50 products (wholesale) are left out. At most 100 partners per product."
grain = ["shop_id", "product_id", "other_product_id"]
materialized = "table"
[columns]
rank = "1 = most baskets with both beyond chance: together_baskets - product_baskets * other_product_baskets / baskets (leverage; Piatetsky-Shapiro 1991), so that what is in every basket comes last; ties: more baskets with both, then other_product_id"
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
-- Pairs are counted, compared and sorted as whole numbers: a product's number says its shop too,
-- and stands in the order of its id.
with products as (
    select
        shop_id,
        product_id,
        product_name,
        row_number() over (order by shop_id, product_id) as product_number
    from marts.products
),

baskets as (
    select
        order_lines.shop_id,
        order_lines.order_id,
        array_agg(distinct products.product_number) as product_numbers,
        count(distinct products.product_number) as basket_size
    from marts.order_lines as order_lines
    inner join products
        on
            order_lines.shop_id = products.shop_id
            and order_lines.product_id = products.product_id
    where order_lines.status = 'sold' and order_lines.line_kind = 'product'
    group by order_lines.shop_id, order_lines.order_id
),

totals as (
    select
        shop_id,
        sum(case when basket_size <= 50 then 1 else 0 end) as baskets,
        sum(case when basket_size > 50 then 1 else 0 end) as baskets_left_out
    from baskets
    group by shop_id
),

appearances as (
    select
        one.product_number,
        count(*) as baskets
    from baskets
    cross join lateral unnest(baskets.product_numbers) as one (product_number)
    where baskets.basket_size <= 50
    group by one.product_number
),

-- how many groups come of unnested arrays no planner knows: it takes them for a handful. They are
-- joined to the products, whose number it knows, and never to one another, so that it hashes.
counted as materialized (
    select
        products.shop_id,
        products.product_id,
        products.product_name,
        products.product_number,
        appearances.baskets as product_baskets,
        totals.baskets,
        totals.baskets_left_out
    from products
    left join appearances on products.product_number = appearances.product_number
    left join totals on products.shop_id = totals.shop_id
),

-- unfolding each basket twice needs no join of lines with lines; a pair is one number, so that
-- sorting is quick, and is sorted here, as a hash of millions of groups taken for 100 spills
unfolded as (
    select one.product_number * 1000000000 + other.product_number as pair
    from baskets
    cross join lateral unnest(baskets.product_numbers) as one (product_number)
    cross join lateral unnest(baskets.product_numbers) as other (product_number)
    where baskets.basket_size <= 50 and one.product_number < other.product_number
    order by one.product_number * 1000000000 + other.product_number
),

pairs as (
    select
        cast((pair - pair % 1000000000) / 1000000000 as bigint) as product_number,
        pair % 1000000000 as other_product_number,
        count(*) as together_baskets
    from unfolded
    group by pair
),

-- each pair was counted once; here it stands in both directions
mirrored as (
    select
        product_number,
        other_product_number,
        together_baskets
    from pairs
    union all
    select
        other_product_number as product_number,
        product_number as other_product_number,
        together_baskets
    from pairs
),

ranked as (
    select
        mirrored.product_number,
        mirrored.other_product_number,
        mirrored.together_baskets,
        row_number() over (
            partition by mirrored.product_number
            order by
                -- in whole numbers, so that it is exact: the leverage times all baskets
                mirrored.together_baskets * other_product.baskets
                - product.product_baskets * other_product.product_baskets desc,
                mirrored.together_baskets desc,
                mirrored.other_product_number asc
        ) as place
    from mirrored
    inner join counted as product on mirrored.product_number = product.product_number
    inner join counted as other_product
        on mirrored.other_product_number = other_product.product_number
)

select
    product.shop_id,
    product.product_id,
    product.product_name,
    cast(ranked.place as integer) as rank,
    other_product.product_id as other_product_id,
    other_product.product_name as other_product_name,
    ranked.together_baskets,
    product.product_baskets,
    other_product.product_baskets as other_product_baskets,
    cast(product.baskets as bigint) as baskets,
    cast(product.baskets_left_out as bigint) as baskets_left_out,
    cast(
        round(cast(ranked.together_baskets as numeric(38, 12)) / product.baskets, 8)
        as double precision
    ) as support,
    cast(
        round(cast(ranked.together_baskets as numeric(38, 12)) / product.product_baskets, 8)
        as double precision
    ) as confidence,
    cast(
        round(
            cast(ranked.together_baskets as numeric(38, 12)) * product.baskets
            / (cast(product.product_baskets as numeric(38, 0)) * other_product.product_baskets), 8
        ) as double precision
    ) as lift
from ranked
inner join counted as product on ranked.product_number = product.product_number
inner join counted as other_product
    on ranked.other_product_number = other_product.product_number
where ranked.place <= 100
