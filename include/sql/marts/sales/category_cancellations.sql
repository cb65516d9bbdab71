/*
about = "Items ordered and cancelled by category. Ordered are the pieces of sold product lines; cancelled and returned pieces are those of such lines, whether or not the sale they undo is known (marts.cancellations matches them)."
grain = ["shop_id", "category"]
materialized = "table"
[columns]
ordered_units = "Pieces on sold product lines"
cancelled_units = "Pieces on cancelled product lines, as a positive number"
returned_units = "Pieces on returned product lines, as a positive number"
cancelled_amount = "Money of cancelled product lines, as a positive number"
cancelled_share = "cancelled_units / ordered_units; above 1 where more is cancelled than the files show as ordered; null for 0 ordered"
*/
with lines as (
    select
        shop_id,
        category,
        status,
        net_quantity,
        revenue
    from marts.order_lines
    where line_kind = 'product'
),

categories as (
    select
        shop_id,
        category,
        sum(case when status = 'sold' then net_quantity else 0 end) as ordered_units,
        sum(case when status = 'cancelled' then -net_quantity else 0 end) as cancelled_units,
        sum(case when status = 'returned' then -net_quantity else 0 end) as returned_units,
        sum(case when status = 'cancelled' then -revenue else 0 end) as cancelled_amount
    from lines
    group by shop_id, category
)

select
    shop_id,
    category,
    cast(ordered_units as bigint) as ordered_units,
    cast(cancelled_units as bigint) as cancelled_units,
    cast(returned_units as bigint) as returned_units,
    cast(cancelled_amount as numeric(28, 4)) as cancelled_amount,
    cast(
        cast(cancelled_units as numeric(38, 12)) / nullif(ordered_units, 0) as double precision
    ) as cancelled_share
from categories
