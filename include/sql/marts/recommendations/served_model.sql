/*
about = "Which method's lists applications read, per shop: the best by its first figure on the latest interactions; of those whose intervals reach the best, the one of the lowest declared priority."
grain = ["shop_id", "list"]
materialized = "table"
[columns]
list = "Result table that the choice is about"
method = "The method that is served"
metric = "The figure that was compared"
value = "The served method's figure; null where there was nothing to judge"
best_value = "The best figure of any method"
methods = "How many methods have rows"
reason = "Why this one, in a sentence"
*/
with methods as (
    select
        shop_id,
        method
    from marts.item_similarity
    group by shop_id, method
),

scores as (
    select
        shop_id,
        method,
        metric,
        value,
        high,
        priority
    from marts.model_scores
    where task = 'recommend' and is_primary and not is_baseline
),

contenders as (
    select
        methods.shop_id,
        methods.method,
        scores.metric,
        scores.value,
        scores.high,
        coalesce(scores.priority, 1000000) as priority,
        max(scores.value) over (partition by methods.shop_id) as best_value,
        count(*) over (partition by methods.shop_id) as methods
    from methods
    left join scores
        on methods.shop_id = scores.shop_id and methods.method = scores.method
),

placed as (
    select
        shop_id,
        method,
        metric,
        value,
        best_value,
        methods,
        row_number() over (
            partition by shop_id
            order by
                case when best_value is null or high >= best_value then 0 else 1 end asc,
                priority asc,
                method asc
        ) as place
    from contenders
)

select
    shop_id,
    cast('item_similarity' as text) as list,
    method,
    metric,
    value,
    best_value,
    cast(methods as integer) as methods,
    case
        when methods = 1 then 'the only method'
        when value is null then 'nothing to judge by; the first by declared priority'
        when value = best_value then 'the best figure'
        else 'within reach of the best, and declared before it'
    end as reason
from placed
where place = 1
