/*
about = "What to do for whom, one row per action and segment, made by the rules of include/actions. A row is there only while its effect is: both groups have enough cases, and the interval of the effect, widened for the number of comparisons of its rule in the shop, excludes no difference by the least that is worth acting on."
grain = ["shop_id", "action", "segmentation", "segment_id"]
materialized = "table"

[columns]
action = "Name of the rule: include/actions/<action>.toml"
action_rank = "1 = most expected value in the shop; those without one last; ties by action, segmentation and segment"
what_to_do = "What to do, in a plain sentence; the figures stand in columns of their own"
members = "Members of the segment: customers, or purchases in a segmentation of orders"
addressed = "How many of them the action is for, and expected_value is of: customers, or purchases within the days the action holds"
from_hour = "First hour of the window on the shop's clock, 0 to 23; null: at any hour"
to_hour = "Last hour of the window, which belongs to it; null: at any hour"
weekday = "Weekday of the window, 1 = Monday to 7 = Sunday; null: on any"
month_number = "Calendar month of the window, 1 to 12; null: in any"
within_days = "Days from the last purchase within which to act; null: no such limit"
product_ids = "Products to show, best first, as a JSON list; null where the action is for none in particular"
category = "Category to show; null where the action is for none in particular"
effect_size = "Ratio of what effect_measure says: above 1 the segment has more of it, below 1 less"
effect_low = "Lower end of the interval of effect_size"
effect_high = "Upper end of the interval of effect_size"
effect_measure = "Of what effect_size is the ratio"
comparisons = "How many segments the rule was tried on in the shop; the interval is wider for more of them, so that one of all of them is wrong in at most the declared part of nights"
expected_value = "Money in the shop's currency if the share response_share of those addressed responds: addressed * response_share * the value of one response, which expected_value_measure says; null where that cannot be told"
expected_value_measure = "What one response is worth"
response_share = "Declared share of those addressed who respond, the same for all shipped actions, so that they can be compared; no forecast, for no data tells it before a holdout was measured"
expires_on = "Last day on which the action holds: counted from the shop's last day with an order, never from today"
holdout_share = "Share of the members left alone in the audience file, by a hash of customer and action"
evidence = "The figures the action rests on, as JSON"
evidence_sql = "The SQL of each figure, for :shop_id, :segmentation, :segment_id and :category of the row"

[[checks]]
check = "references"
table = "marts.segments"
on = ["shop_id", "segmentation", "segment_id", "segment_name"]
[[checks]]
check = "compare"
name = "the_interval_holds_the_effect"
sentence = "The effect of an action is not within its interval"
columns = ["effect_low <= effect_size", "effect_size <= effect_high"]
[[checks]]
check = "no_gaps"
column = "action_rank"
by = ["shop_id"]
[[checks]]
check = "between"
columns = ["holdout_share", "response_share"]
at_least = 0
at_most = 1

[[marts]]
name = "segment_actions"
*/
with rules as (
    -- for rule in rules: union all
    select
        cast(${rule.name} as text) as action,
        ${rule.columns},
        ${rule.evidence} as evidence,
        ${rule.evidence_sql} as evidence_sql,
        ${rule.is_share} as is_share,
        ${rule.is_more} as is_more,
        ${rule.min_members} as min_members,
        cast(${rule.min_effect} as double precision) as min_effect,
        cast(${rule.confidence} as double precision) as confidence,
        cast(${rule.response_share} as numeric(12, 8)) as response_share,
        ${rule.valid_days} as valid_days,
        cast(${rule.holdout_share} as double precision) as holdout_share,
        cast(${rule.effect_measure} as text) as effect_measure,
        cast(${rule.value_measure} as text) as expected_value_measure
    from (
        ${rule.select}
    ) as of_rule
    -- end
),

segments as (
    select
        shop_id,
        segmentation,
        segment_id,
        segment_name,
        members
    from marts.segments
    where not coalesce(is_degenerate, false)
),

shops as (
    select
        shop_id,
        last_order_date
    from marts.shops
),

tried as (
    select
        rules.*,
        segments.segment_name,
        segments.members,
        shops.last_order_date,
        count(*) over (partition by rules.shop_id, rules.action) as comparisons
    from rules
    inner join segments
        on
            rules.shop_id = segments.shop_id
            and rules.segmentation = segments.segmentation
            and rules.segment_id = segments.segment_id
    inner join shops on rules.shop_id = shops.shop_id
    where
        rules.cases >= rules.min_members
        and rules.other_cases >= rules.min_members
),

-- half a case is added to each side of a share, so that none and all have a ratio too (Walter, The
-- distribution of Levin's measure of attributable risk, Biometrika 1975)
counted as (
    select
        tried.*,
        cast(total as double precision) + 0.5 * is_share as inside_total,
        cast(squares as double precision) + 0.5 * is_share as inside_squares,
        cast(cases as double precision) + is_share as inside_cases,
        cast(other_total as double precision) + 0.5 * is_share as outside_total,
        cast(other_squares as double precision) + 0.5 * is_share as outside_squares,
        cast(other_cases as double precision) + is_share as outside_cases
    from tried
    where total + is_share > 0 and other_total + is_share > 0
),

-- the variance of the logarithm of a mean is (mean of squares / square of mean - 1) / n; of a share
-- it is that of Katz et al., Obtaining confidence intervals for the risk ratio, Biometrics 1978
measured as (
    select
        counted.*,
        ln((inside_total / inside_cases) / (outside_total / outside_cases)) as log_effect,
        sqrt(
            greatest(inside_squares / (inside_total * inside_total) - 1 / inside_cases, 0)
            + greatest(outside_squares / (outside_total * outside_total) - 1 / outside_cases, 0)
        ) as log_error,
        -- Chernoff's bound: |z| is above sqrt(2 ln(1 / a)) in at most a share a of cases
        sqrt(2 * ln(comparisons / (1 - confidence))) as errors
    from counted
),

judged as (
    select
        measured.*,
        exp(log_effect) as effect_size,
        exp(log_effect - errors * log_error) as effect_low,
        exp(log_effect + errors * log_error) as effect_high,
        addressed * response_share * value_each as expected_value
    from measured
),

held as (
    select
        judged.*,
        row_number() over (
            partition by shop_id, action, segmentation, segment_id
            order by expected_value desc nulls last, category asc
        ) as place
    from judged
    where
        addressed > 0
        and (
            (is_more = 1 and effect_low > 1 and effect_size >= min_effect)
            or (is_more = 0 and effect_high < 1 and effect_size * min_effect <= 1)
        )
)

select
    shop_id,
    action,
    segmentation,
    segment_id,
    segment_name,
    cast(row_number() over (
        partition by shop_id
        order by expected_value desc nulls last, action asc, segmentation asc, segment_id asc
    ) as integer) as action_rank,
    cast(
        case action
            -- for rule in rules
            when ${rule.name} then ${rule.sentence}
            -- end
        end as text
    ) as what_to_do,
    members,
    addressed,
    from_hour,
    to_hour,
    weekday,
    month_number,
    within_days,
    product_ids,
    category,
    cast(round(cast(effect_size as numeric(38, 12)), 4) as double precision) as effect_size,
    cast(floor(effect_low * 10000) / 10000 as double precision) as effect_low,
    cast(ceiling(effect_high * 10000) / 10000 as double precision) as effect_high,
    effect_measure,
    cast(comparisons as bigint) as comparisons,
    cast(round(expected_value, 2) as numeric(28, 4)) as expected_value,
    expected_value_measure,
    cast(response_share as double precision) as response_share,
    cast(last_order_date + valid_days as date) as expires_on,
    holdout_share,
    evidence,
    evidence_sql
from held
where place = 1
