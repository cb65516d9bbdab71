/*
about = "Which products are bought in one order with which: support, confidence and lift of every directed pair (Agrawal, Imielinski, Swami 1993, doi:10.1145/170035.170072; lift: Brin et al. 1997, doi:10.1145/253260.253325). A basket is what was kept of a purchase (basket_products), and every count is of all baskets. At most 100 partners per product, of those that it met in a basket of up to 50 products: what only ever meets in wholesale orders is no habit, and pairing them costs the square of their size."
grain = ["shop_id", "product_id", "other_product_id"]
materialized = "table"
[columns]
rank = "1 = most baskets with both beyond chance: together_baskets - product_baskets * other_product_baskets / baskets (leverage; Piatetsky-Shapiro 1991). First the pairs with a lift above 1, so that what is in every basket comes last, and of them those that are not is_small; ties: more baskets with both, then other_product_id"
other_product_id = "The product bought with it"
other_product_name = "Its name"
is_small = "Whether fewer than 3 baskets hold both: once or twice may be an accident, whatever the lift"
together_baskets = "Baskets with both products"
product_baskets = "Baskets with product_id"
other_product_baskets = "Baskets with other_product_id"
baskets = "All baskets of the shop"
large_baskets = "Those of them with more than 50 products: they are in every count and chose no partner"
support = "together_baskets / baskets, 0 to 1"
confidence = "together_baskets / product_baskets: how often the other is bought too, 0 to 1"
lift = "confidence / (other_product_baskets / baskets): above 1 = together more often than by chance"
[[checks]]
check = "compare"
columns = ["product_id <> other_product_id"]
sentence = "A product is bought together with itself"
[[checks]]
check = "compare"
columns = ["together_baskets <= product_baskets", "together_baskets <= other_product_baskets", "product_baskets <= baskets"]
name = "counts_are_of_the_same_baskets"
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
        basket_products.shop_id,
        basket_products.basket_id,
        array_agg(products.product_number) as product_numbers,
        count(*) as basket_size
    from marts.basket_products as basket_products
    inner join products
        on
            basket_products.shop_id = products.shop_id
            and basket_products.product_id = products.product_id
    where basket_products.source = 'orders'
    group by basket_products.shop_id, basket_products.basket_id
),

totals as (
    select
        shop_id,
        count(*) as baskets,
        sum(case when basket_size <= 50 then 1 else 0 end) as small_baskets
    from baskets
    group by shop_id
),

appearances as (
    select
        one.product_number,
        count(*) as baskets,
        sum(case when baskets.basket_size <= 50 then 1 else 0 end) as small_baskets
    from baskets
    cross join lateral unnest(baskets.product_numbers) as one (product_number)
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
        appearances.small_baskets as small_product_baskets,
        totals.baskets,
        totals.small_baskets
    from products
    left join appearances on products.product_number = appearances.product_number
    left join totals on products.shop_id = totals.shop_id
),

-- unfolding each basket twice needs no join of lines with lines, and in the list of columns it needs
-- no table of each array
halfway as (
    select
        product_numbers,
        unnest(product_numbers) * 1000000000 as first_half
    from baskets
    where basket_size <= 50
),

both_halves as (
    select
        first_half,
        unnest(product_numbers) as second_half
    from halfway
),

-- a pair is one number, so that sorting is quick, and is sorted here, as a hash of millions of
-- groups taken for 100 spills
unfolded as (
    select first_half + second_half as pair
    from both_halves
    where first_half < second_half * 1000000000
    order by first_half + second_half
),

pairs as (
    select
        cast((pair - pair % 1000000000) / 1000000000 as bigint) as product_number,
        pair % 1000000000 as other_product_number,
        count(*) as together_baskets
    from unfolded
    group by pair
),

-- in whole numbers, so that it is exact: the leverage times all baskets, the same for both
weighed as (
    select
        pairs.product_number,
        pairs.other_product_number,
        pairs.together_baskets,
        pairs.together_baskets * product.small_baskets
        - product.small_product_baskets * other_product.small_product_baskets as leverage
    from pairs
    inner join counted as product on pairs.product_number = product.product_number
    inner join counted as other_product
        on pairs.other_product_number = other_product.product_number
),

-- each pair was counted once; here it stands in both directions
mirrored as (
    select
        product_number,
        other_product_number,
        together_baskets,
        leverage
    from weighed
    union all
    select
        other_product_number as product_number,
        product_number as other_product_number,
        together_baskets,
        leverage
    from weighed
),

placed as (
    select
        product_number,
        other_product_number,
        together_baskets,
        row_number() over (
            partition by product_number
            order by leverage desc, together_baskets desc, other_product_number asc
        ) as place
    from mirrored
),

-- a pair is listed for one product and perhaps not for the other, by the same counts
chosen as (
    select
        product_number,
        other_product_number,
        together_baskets
    from placed
    where place <= 100
),

-- A large basket is a bit: what two products have in common of a thousand is one operation. Bits
-- are set in chunks, for setting one copies all of them, and the chunks of a product are one text.
large_baskets as (
    select
        shop_id,
        product_numbers,
        row_number() over (partition by shop_id order by basket_id) - 1 as basket_number
    from baskets
    where basket_size > 50
),

chunks as (
    select
        large_baskets.shop_id,
        one.product_number,
        (large_baskets.basket_number - large_baskets.basket_number % 1024) / 1024 as chunk,
        bit_or(
            set_bit(
                cast(repeat('0', 1024) as bit(1024)),
                cast(large_baskets.basket_number % 1024 as integer),
                1
            )
        ) as members
    from large_baskets
    cross join lateral unnest(large_baskets.product_numbers) as one (product_number)
    group by
        large_baskets.shop_id,
        one.product_number,
        (large_baskets.basket_number - large_baskets.basket_number % 1024) / 1024
),

-- with as many 0 before each chunk as baskets were left out
written as (
    select
        product_number,
        chunk,
        repeat('0', cast(1024 * (chunk - 1 - lag(chunk, 1, cast(-1 as bigint)) over (
            partition by shop_id, product_number order by chunk
        )) as integer)) || cast(members as text) as bits,
        1024 * (1 + max(chunk) over (partition by shop_id)) as shop_bits
    from chunks
),

memberships as materialized (
    select
        product_number,
        varbit(rpad(string_agg(bits, '' order by chunk), cast(max(shop_bits) as integer), '0'))
            as members
    from written
    group by product_number
),

-- materialized: else the members, not their count, go through every sort below
listed as materialized (
    select
        chosen.product_number,
        chosen.other_product_number,
        chosen.together_baskets
        + coalesce(bit_count(mine.members & theirs.members), 0) as together_baskets
    from chosen
    left join memberships as mine on chosen.product_number = mine.product_number
    left join memberships as theirs on chosen.other_product_number = theirs.product_number
),

ranked as (
    select
        product.shop_id,
        product.product_id,
        product.product_name,
        other_product.product_id as other_product_id,
        other_product.product_name as other_product_name,
        listed.together_baskets < 3 as is_small,
        listed.together_baskets,
        product.product_baskets,
        other_product.product_baskets as other_product_baskets,
        product.baskets,
        product.baskets - product.small_baskets as large_baskets,
        listed.together_baskets * product.baskets
        - product.product_baskets * other_product.product_baskets as leverage
    from listed
    inner join counted as product on listed.product_number = product.product_number
    inner join counted as other_product
        on listed.other_product_number = other_product.product_number
)

select
    shop_id,
    product_id,
    product_name,
    cast(row_number() over (
        partition by shop_id, product_id
        order by
            case when leverage > 0 then 0 else 1 end asc,
            is_small asc,
            leverage desc,
            together_baskets desc,
            other_product_id asc
    ) as integer) as rank,
    other_product_id,
    other_product_name,
    is_small,
    together_baskets,
    product_baskets,
    other_product_baskets,
    cast(baskets as bigint) as baskets,
    cast(large_baskets as bigint) as large_baskets,
    cast(
        round(cast(together_baskets as numeric(38, 12)) / baskets, 8) as double precision
    ) as support,
    cast(
        round(cast(together_baskets as numeric(38, 12)) / product_baskets, 8)
        as double precision
    ) as confidence,
    cast(
        round(
            cast(together_baskets as numeric(38, 12)) * baskets
            / (cast(product_baskets as numeric(38, 0)) * other_product_baskets), 8
        ) as double precision
    ) as lift
from ranked
