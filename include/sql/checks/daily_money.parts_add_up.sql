/*
level = "fail"
sentence = "The parts of a day's money do not add up to its total"
*/
select
    shop_id,
    calendar,
    date,
    currency,
    net,
    total
from marts.daily_money
where
    net is distinct from gross - discounts - returns
    or total is distinct from net + shipping + taxes + tips + gift_cards + other
