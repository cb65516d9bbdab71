/*
about = "What to do for whom, one row per action and segment, made by the rules of include/actions. A row is there only while its effect is: both groups have enough cases, and the interval of the effect, widened for the number of comparisons of its rule in the shop, excludes no difference by the least that is worth acting on."
grain = ["shop_id", "action", "segmentation", "segment_id"]
materialized = "table"
made_of = "include/actions"

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
effect_high = "Upper end of the interval of effect_size; null where nobody else does it, for then there is none"
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
    where segment_id > 0 and not coalesce(is_degenerate, false)
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
-- distribution of Levin's measure of attributable risk, Biometrika 1975); the interval needs none
counted as (
    select
        tried.*,
        cast(cases as double precision) as n,
        cast(other_cases as double precision) as other_n,
        cast(total as double precision) / cases as p,
        cast(other_total as double precision) / other_cases as other_p,
        (cast(total as double precision) + 0.5 * is_share) / (cases + is_share)
        / ((cast(other_total as double precision) + 0.5 * is_share) / (other_cases + is_share))
            as effect_size,
        -- Chernoff's bound: |z| is above sqrt(2 ln(1 / a)) in at most a share a of cases
        sqrt(2 * ln(comparisons / (1 - confidence))) as z
    from tried
    where total + is_share > 0 and other_total + is_share > 0
),

-- Wilson's interval of each share (Wilson, Probable inference, JASA 1927); of means, the variance of
-- the logarithm of their ratio: (mean of squares / square of mean - 1) / n of each
limited as (
    select
        counted.*,
        case
            when is_share = 1
                then
                    (p + z * z / (2 * n) - z * sqrt(p * (1 - p) / n + z * z / (4 * n * n)))
                    / (1 + z * z / n)
        end as low,
        case
            when is_share = 1
                then
                    (p + z * z / (2 * n) + z * sqrt(p * (1 - p) / n + z * z / (4 * n * n)))
                    / (1 + z * z / n)
        end as high,
        case
            when is_share = 1
                then
                    (
                        other_p + z * z / (2 * other_n)
                        - z * sqrt(
                            other_p * (1 - other_p) / other_n + z * z / (4 * other_n * other_n)
                        )
                    ) / (1 + z * z / other_n)
        end as other_low,
        case
            when is_share = 1
                then
                    (
                        other_p + z * z / (2 * other_n)
                        + z * sqrt(
                            other_p * (1 - other_p) / other_n + z * z / (4 * other_n * other_n)
                        )
                    ) / (1 + z * z / other_n)
        end as other_high,
        case
            when is_share = 0
                then sqrt(
                    greatest(cast(squares as double precision) / (p * p * n) - 1, 0) / n
                    + greatest(
                        cast(other_squares as double precision) / (other_p * other_p * other_n) - 1,
                        0
                    ) / other_n
                )
        end as log_error
    from counted
),

-- the two intervals of shares become one of their ratio (Donner and Zou, Closed-form confidence
-- intervals for functions of the normal mean and standard deviation, SMMR 2012), written so that no
-- share is divided by that can be 0; without an upper end where nobody else does it
judged as (
    select
        limited.*,
        case
            when is_share = 0 then effect_size * exp(-z * log_error)
            else
                low * (2 * p - low) / nullif(
                    p * other_p + sqrt(
                        greatest(
                            p * other_p * p * other_p
                            - low * other_high * (2 * p - low) * (2 * other_p - other_high),
                            0
                        )
                    ),
                    0
                )
        end as interval_low,
        case
            when is_share = 0 then effect_size * exp(z * log_error)
            when other_low > 0.000000001
                then
                    (
                        p * other_p + sqrt(
                            greatest(
                                p * other_p * p * other_p
                                - high * other_low * (2 * p - high) * (2 * other_p - other_low),
                                0
                            )
                        )
                    ) / (other_low * (2 * other_p - other_low))
        end as interval_high,
        addressed * response_share * value_each as expected_value
    from limited
),

-- the ends as they are published, rounded outwards: what holds no effect when rounded is no action
rounded as (
    select
        judged.*,
        cast(floor(coalesce(interval_low, 0) * 10000) / 10000 as double precision) as effect_low,
        cast(ceiling(interval_high * 10000) / 10000 as double precision) as effect_high
    from judged
),

held as (
    select
        rounded.*,
        row_number() over (
            partition by shop_id, action, segmentation, segment_id
            order by expected_value desc nulls last, category asc
        ) as place
    from rounded
    where
        addressed > 0
        and coalesce(is_fit, true)
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
    effect_low,
    effect_high,
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
