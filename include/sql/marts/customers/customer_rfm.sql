/*
about = "Recency, frequency and monetary value of each customer with a purchase, and the scores 1 to 5 that each gives: 5 for the most recent, the most frequent, the highest. A score is 1 plus the whole part of 5 times the share of the shop's other customers who are strictly worse, at most 5; equal customers have equal scores, and where all are equal the score is 3 (Hughes, Strategic Database Marketing, 1994; here by rank, so that ties never part)."
grain = ["shop_id", "customer_id"]
materialized = "table"
[columns]
customer_id = "The customer's key, as in marts.customers"
recency_days = "Days from the last purchase to the shop's last day with an order, never to today"
frequency = "Number of purchases"
monetary = "Net money of all the customer's orders; what was taken back is off"
r_score = "1 to 5 by recency_days: 5 bought last"
f_score = "1 to 5 by frequency: 5 bought most often"
m_score = "1 to 5 by monetary: 5 is worth most"
fm_score = "Mean of f_score and m_score, halves rounded up: 1 to 5"
rfm_score = "The three scores side by side, such as 543"
[[checks]]
check = "covers"
table = "marts.customers"
on = ["shop_id", "customer_id"]
where_there = "purchases > 0"
[[checks]]
check = "between"
columns = ["r_score", "f_score", "m_score", "fm_score"]
at_least = 1
at_most = 5
[[checks]]
check = "between"
columns = ["recency_days"]
at_least = 0
*/
with customers as (
    select
        shop_id,
        customer_id,
        days_since_purchase as recency_days,
        purchases as frequency,
        revenue as monetary
    from marts.customers
    where purchases > 0
),

-- whole numbers all the way: how many others are strictly worse, and how many others there are
placed as (
    select
        *,
        count(*) over (partition by shop_id) - 1 as others,
        rank() over (partition by shop_id order by recency_days desc) - 1 as r_worse,
        rank() over (partition by shop_id order by frequency asc) - 1 as f_worse,
        rank() over (partition by shop_id order by monetary asc) - 1 as m_worse,
        min(recency_days) over (partition by shop_id) as r_least,
        max(recency_days) over (partition by shop_id) as r_most,
        min(frequency) over (partition by shop_id) as f_least,
        max(frequency) over (partition by shop_id) as f_most,
        min(monetary) over (partition by shop_id) as m_least,
        max(monetary) over (partition by shop_id) as m_most
    from customers
),

scored as (
    select
        shop_id,
        customer_id,
        recency_days,
        frequency,
        monetary,
        case
            when r_least = r_most then 3
            else least(5, 1 + floor(5 * r_worse / cast(others as numeric(38, 12))))
        end as r_score,
        case
            when f_least = f_most then 3
            else least(5, 1 + floor(5 * f_worse / cast(others as numeric(38, 12))))
        end as f_score,
        case
            when m_least = m_most then 3
            else least(5, 1 + floor(5 * m_worse / cast(others as numeric(38, 12))))
        end as m_score
    from placed
)

select
    shop_id,
    customer_id,
    cast(recency_days as integer) as recency_days,
    frequency,
    monetary,
    cast(r_score as integer) as r_score,
    cast(f_score as integer) as f_score,
    cast(m_score as integer) as m_score,
    cast(floor((f_score + m_score + 1) / 2) as integer) as fm_score,
    cast(
        concat(
            cast(cast(r_score as integer) as text),
            cast(cast(f_score as integer) as text),
            cast(cast(m_score as integer) as text)
        ) as text
    ) as rfm_score
from scored
