/*
about = "Which method's lists applications read, per shop and kind of list. What was served stays, until another method is better on the same customers of the same windows (recommendation_cases) by more than chance explains, on at least 30 customers; the first night begins with the method of the lowest declared priority. Lists of products go by their own figures: the best, and of those whose intervals reach the best the one of the lowest priority."
grain = ["shop_id", "list"]
materialized = "table"
[columns]
list = "item_similarity, for_you, explore or buy_again"
method = "The method that is served"
metric = "The figure that was compared"
value = "The served method's figure; null where there was nothing to judge"
best_value = "The best figure of any method"
methods = "How many methods have rows"
replaced_method = "The method that was served before, or stood first, where another took its place; else null"
difference = "By how much the served method's nDCG is above that of the replaced one, or of the best other one (then mostly negative), as a mean over the same customers; null where nothing was compared"
difference_low = "Lower end of its 95 % interval, 1.96 standard errors of the paired differences below; customers are counted, not their cases"
difference_high = "Upper end"
reason = "Why this one, in a sentence"
[[checks]]
check = "compare"
columns = ["difference_low <= difference <= difference_high"]
*/
with methods as (
    select
        shop_id,
        cast('item_similarity' as text) as list,
        method
    from marts.item_similarity
    group by shop_id, method
    union all
    select
        shop_id,
        list,
        method
    from marts.user_recommendations
    group by shop_id, list, method
),

scores as (
    select
        shop_id,
        list,
        method,
        metric,
        value,
        high,
        priority,
        was_served
    from marts.model_scores
    where task = 'recommend' and is_primary and not is_baseline
),

contenders as (
    select
        methods.shop_id,
        methods.list,
        methods.method,
        scores.metric,
        scores.value,
        scores.high,
        coalesce(scores.priority, 1000000) as priority,
        coalesce(scores.was_served, false) as was_served,
        max(scores.value) over (partition by methods.shop_id, methods.list) as best_value,
        count(*) over (partition by methods.shop_id, methods.list) as methods
    from methods
    left join scores
        on
            methods.shop_id = scores.shop_id
            and methods.list = scores.list
            and methods.method = scores.method
),

-- the incumbent of each list: what was served, else what is declared first
placed as (
    select
        shop_id,
        list,
        method,
        metric,
        value,
        best_value,
        priority,
        methods,
        was_served,
        row_number() over (
            partition by shop_id, list
            order by
                case
                    when list <> 'item_similarity' then case when was_served then 0 else 1 end
                    when best_value is null or high >= best_value then 0
                    else 1
                end asc,
                priority asc,
                method asc
        ) as place
    from contenders
),

incumbents as (
    select
        shop_id,
        list,
        method,
        was_served
    from placed
    where place = 1
),

-- of each customer the sums over all windows: what one does in three windows is no three facts
customer_pairs as (
    select
        incumbents.shop_id,
        incumbents.list,
        challenger.method,
        own.customer_id,
        sum(challenger.ndcg - own.ndcg) as difference,
        count(*) as cases
    from incumbents
    inner join marts.recommendation_cases as own
        on
            incumbents.shop_id = own.shop_id
            and incumbents.list = own.list
            and incumbents.method = own.method
    inner join marts.recommendation_cases as challenger
        on
            own.shop_id = challenger.shop_id
            and own.list = challenger.list
            and own.origin = challenger.origin
            and own.customer_id = challenger.customer_id
            and own.window_start_date = challenger.window_start_date
            and own.method <> challenger.method
    inner join methods
        on
            challenger.shop_id = methods.shop_id
            and challenger.list = methods.list
            and challenger.method = methods.method
    group by incumbents.shop_id, incumbents.list, challenger.method, own.customer_id
),

summed as (
    select
        shop_id,
        list,
        method,
        sum(difference) / sum(cases) as difference,
        sum(difference * difference) as squares,
        sum(difference * cases) as products,
        sum(cases * cases) as square_cases,
        sum(cases) as cases,
        count(*) as customers
    from customer_pairs
    group by shop_id, list, method
    having count(*) > 1
),

-- of a ratio of sums, by what is left of each customer's: sum (d - mean * n)^2
pairs as (
    select
        shop_id,
        list,
        method,
        difference,
        sqrt(
            greatest(squares - 2 * difference * products + difference * difference * square_cases, 0)
            * customers / (customers - 1)
        ) / cases as standard_error,
        cases,
        customers
    from summed
),

judged as (
    select
        shop_id,
        list,
        method,
        difference,
        standard_error,
        cases,
        customers >= 30 and difference - 1.96 * standard_error > 0 as is_better
    from pairs
),

best_challengers as (
    select
        shop_id,
        list,
        method,
        difference,
        standard_error,
        cases,
        is_better,
        row_number() over (
            partition by shop_id, list
            order by
                case when is_better then 0 else 1 end asc,
                -- sums taken in another order differ in their last digit
                round(cast(difference as numeric(38, 12)), 8) desc,
                method asc
        ) as place
    from judged
),

decided as (
    select
        incumbents.shop_id,
        incumbents.list,
        incumbents.method as incumbent,
        incumbents.was_served,
        best.method as challenger,
        best.cases,
        case when best.is_better then best.difference else -best.difference end as margin,
        best.standard_error,
        coalesce(best.is_better, false) as is_replaced
    from incumbents
    left join best_challengers as best
        on
            incumbents.shop_id = best.shop_id
            and incumbents.list = best.list
            and best.place = 1
)

select
    placed.shop_id,
    placed.list,
    placed.method,
    placed.metric,
    placed.value,
    placed.best_value,
    cast(placed.methods as integer) as methods,
    case when decided.is_replaced then decided.incumbent end as replaced_method,
    cast(
        round(cast(decided.margin as numeric(38, 12)), 8) as double precision
    ) as difference,
    cast(
        round(cast(decided.margin - 1.96 * decided.standard_error as numeric(38, 12)), 8)
        as double precision
    ) as difference_low,
    cast(
        round(cast(decided.margin + 1.96 * decided.standard_error as numeric(38, 12)), 8)
        as double precision
    ) as difference_high,
    case
        when placed.methods = 1 then 'the only method'
        when decided.is_replaced
            then
                'better than ' || decided.incumbent || ' on the same ' || decided.cases || ' cases'
        when decided.challenger is not null
            then
                case when decided.was_served then 'served before' else 'declared first' end
                || ', and ' || decided.challenger || ' is not better beyond chance on the same '
                || decided.cases || ' cases'
        when placed.value is null then 'nothing to judge by; the first by declared priority'
        when placed.list <> 'item_similarity' then 'served before; nothing to compare on'
        when placed.value = placed.best_value then 'the best figure'
        else 'within reach of the best, and declared before it'
    end as reason
from placed
inner join decided
    on
        placed.shop_id = decided.shop_id
        and placed.list = decided.list
        and placed.method
        = case when decided.is_replaced then decided.challenger else decided.incumbent end
