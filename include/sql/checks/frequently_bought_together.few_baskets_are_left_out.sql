/*
level = "warn"
sentence = "More than 1 % of the baskets are too big to be counted"
*/
select distinct
    shop_id,
    baskets,
    baskets_left_out
from marts.frequently_bought_together
where baskets_left_out * 100 > baskets
