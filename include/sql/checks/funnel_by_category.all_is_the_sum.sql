/*
level = "fail"
sentence = "The row 'all' of a shop is not the sum of its categories"
*/
select
    shop_id,
    sum(case when category_level_1 = 'all' then viewed else -viewed end) as viewed,
    sum(case when category_level_1 = 'all' then purchased else -purchased end) as purchased
from marts.funnel_by_category
group by shop_id
having
    sum(case when category_level_1 = 'all' then viewed else -viewed end) <> 0
    or sum(case when category_level_1 = 'all' then purchased else -purchased end) <> 0
