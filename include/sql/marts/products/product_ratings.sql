/*
about = "Ratings per product: how many, their mean, and a mean that few ratings cannot lift or sink: (m * shop mean + sum of ratings) / (m + ratings) with m = 5 (Bayesian average, https://en.wikipedia.org/wiki/Bayesian_average)."
grain = ["shop_id", "product_id"]
materialized = "table"
[columns]
ratings = "Number of ratings"
average_rating = "Mean of the ratings, rounded to 4 decimals, in the source's own scale"
weighted_rating = "Mean drawn towards the shop's mean by the weight of 5 ratings, rounded to 4 decimals"
rating_rank = "1 = highest weighted_rating; ties: more ratings, then product_id"
*/
with ratings as (
    select
        shop_id,
        product_id,
        rating
    from staging.events
    where event_type = 'rating' and product_id is not null and rating is not null
),

shops as (
    select
        shop_id,
        avg(rating) as average_rating
    from ratings
    group by shop_id
),

products as (
    select
        shop_id,
        product_id,
        count(*) as ratings,
        sum(rating) as rating_sum
    from ratings
    group by shop_id, product_id
),

weighted as (
    select
        products.shop_id,
        products.product_id,
        products.ratings,
        round(products.rating_sum / products.ratings, 4) as average_rating,
        round(
            (5 * shops.average_rating + products.rating_sum) / (5 + products.ratings), 4
        ) as weighted_rating
    from products
    inner join shops on products.shop_id = shops.shop_id
)

select
    shop_id,
    product_id,
    ratings,
    cast(average_rating as numeric(14, 4)) as average_rating,
    cast(weighted_rating as numeric(14, 4)) as weighted_rating,
    cast(row_number() over (
        partition by shop_id
        order by weighted_rating desc, ratings desc, product_id asc
    ) as integer) as rating_rank
from weighted
