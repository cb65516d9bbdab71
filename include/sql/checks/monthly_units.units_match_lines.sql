/*
level = "fail"
sentence = "Units of the full months differ from the product lines of those months, over all or over the categories"
*/
with full_months as (
    select distinct
        shop_id,
        month_date
    from marts.dates
    where is_full_month
),

sold as (
    select
        order_lines.shop_id,
        sum(order_lines.net_quantity) as units
    from marts.order_lines
    inner join full_months
        on
            order_lines.shop_id = full_months.shop_id
            and order_lines.order_month_date = full_months.month_date
    where order_lines.line_kind = 'product'
    group by order_lines.shop_id
),

made as (
    select
        shop_id,
        scope,
        sum(units) as units
    from marts.monthly_units
    group by shop_id, scope
)

select
    coalesce(sold.shop_id, made.shop_id) as shop_id,
    made.scope,
    sold.units as units_of_lines,
    made.units
from sold
full outer join made on sold.shop_id = made.shop_id
where coalesce(sold.units, 0) is distinct from made.units
