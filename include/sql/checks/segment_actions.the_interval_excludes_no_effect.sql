/*
level = "fail"
sentence = "An action rests on an effect whose interval holds no effect at all"
*/
select
    shop_id,
    action,
    segmentation,
    segment_id,
    effect_low,
    effect_high
from marts.segment_actions
where effect_low <= 1 and coalesce(effect_high, 2) >= 1
