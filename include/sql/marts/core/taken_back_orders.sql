/*
about = "One row per order that sold products and had pieces of them taken back, in the order itself or by a later order that cancels or returns them (marts.cancellations). Product lines of positive value only; a refund of money without pieces takes no piece back."
grain = ["shop_id", "order_id"]
materialized = "table"
[columns]
order_id = "The order that sold the pieces"
sold_pieces = "Pieces that it sold, on product lines of positive value"
taken_back_pieces = "Those of them that were cancelled or returned: pieces of the same product and price"
is_wholly_taken_back = "Whether every piece sold was taken back, so that nothing was bought in the end"
[[checks]]
check = "references"
table = "marts.orders"
on = ["shop_id", "order_id"]
[[checks]]
check = "compare"
columns = ["taken_back_pieces <= sold_pieces"]
[[checks]]
check = "compare"
columns = ["taken_back_pieces = sold_pieces"]
where = "is_wholly_taken_back"
name = "wholly_is_every_piece"
[[checks]]
check = "compare"
columns = ["taken_back_pieces < sold_pieces"]
where = "not is_wholly_taken_back"
name = "else_a_piece_is_kept"
*/
with order_lines as (
    select
        shop_id,
        order_id,
        product_id,
        unit_price,
        net_quantity,
        case
            when status = 'sold' and net_quantity > 0 and revenue > 0 then net_quantity
            else 0
        end as sold_pieces
    from marts.order_lines
    where line_kind = 'product'
),

cancelling as (
    select distinct
        shop_id,
        order_id
    from marts.cancellations
),

-- few orders cancel: what these sold themselves is looked up here, not among the lines of all
sold_by_cancelling as (
    select distinct
        order_lines.shop_id,
        order_lines.order_id,
        order_lines.product_id,
        order_lines.unit_price
    from order_lines
    inner join cancelling
        on
            order_lines.shop_id = cancelling.shop_id
            and order_lines.order_id = cancelling.order_id
    where order_lines.sold_pieces > 0
),

-- a cancellation of another order's sale; one that its own order sold is counted there
cancellations as (
    select
        cancellations.shop_id,
        cancellations.sale_order_id as order_id,
        cancellations.product_id,
        cancellations.unit_price,
        cancellations.pieces
    from marts.cancellations as cancellations
    where
        cancellations.sale_order_id <> cancellations.order_id
        and cancellations.line_kind = 'product'
        and not exists (
            select 1
            from sold_by_cancelling as sold
            where
                sold.shop_id = cancellations.shop_id
                and sold.order_id = cancellations.order_id
                and sold.product_id = cancellations.product_id
                and sold.unit_price = cancellations.unit_price
        )
),

touched as (
    select
        shop_id,
        order_id
    from order_lines
    where net_quantity < 0
    union
    select
        shop_id,
        order_id
    from cancellations
),

pieces as (
    select
        order_lines.shop_id,
        order_lines.order_id,
        order_lines.product_id,
        order_lines.unit_price,
        order_lines.sold_pieces,
        case
            when order_lines.net_quantity < 0 then -order_lines.net_quantity
            else 0
        end as taken_back_pieces
    from order_lines
    inner join touched
        on
            order_lines.shop_id = touched.shop_id
            and order_lines.order_id = touched.order_id
    union all
    select
        shop_id,
        order_id,
        product_id,
        unit_price,
        0 as sold_pieces,
        pieces as taken_back_pieces
    from cancellations
),

products as (
    select
        shop_id,
        order_id,
        product_id,
        unit_price,
        sum(sold_pieces) as sold_pieces,
        least(sum(sold_pieces), sum(taken_back_pieces)) as taken_back_pieces
    from pieces
    group by shop_id, order_id, product_id, unit_price
),

orders as (
    select
        shop_id,
        order_id,
        sum(sold_pieces) as sold_pieces,
        sum(taken_back_pieces) as taken_back_pieces
    from products
    group by shop_id, order_id
)

select
    shop_id,
    order_id,
    cast(sold_pieces as bigint) as sold_pieces,
    cast(taken_back_pieces as bigint) as taken_back_pieces,
    sold_pieces = taken_back_pieces as is_wholly_taken_back
from orders
where taken_back_pieces > 0
