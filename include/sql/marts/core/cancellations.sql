/*
about = "One row per cancelled or returned line, with the sale it takes back where one is found: the latest earlier line of the same customer (or, without customer, of nobody known), product and price that sold at least as many pieces. A sale is taken back up to its pieces: earlier cancellations first. A refund of money without pieces takes back no line."
grain = ["shop_id", "order_id", "line_number"]
materialized = "table"
[columns]
order_id = "The order that cancels or returns, such as a C-invoice; the sale's own order where that holds both"
status = "cancelled or returned"
line_number = "1 to n among the order's cancelled and returned lines, by product, price and pieces"
cancelled_at = "Instant of the cancelling order (UTC instant)"
cancelled_date = "Its day, in the shop's time zone"
pieces = "Pieces taken back, above 0"
amount = "The money given back: the line's revenue, after its own discounts, as an amount above 0"
sale_order_id = "The order that sold them; null where none was found"
sale_pieces = "Pieces on that order's line"
sold_at = "Instant of that sale (UTC instant)"
days_since_sale = "Whole days from the sale to the cancellation, 24 hours each"
match_kind = "exact: the whole line was taken back; partial: a part of it; none: no sale was found"
reason = "Why it was matched or not, in words"
[[checks]]
check = "accepted_values"
column = "match_kind"
values = ["exact", "partial", "none"]
[[checks]]
check = "accepted_values"
column = "status"
values = ["cancelled", "returned"]
[[checks]]
check = "filled_where"
columns = ["sale_order_id"]
where = "match_kind <> 'none'"
[[checks]]
check = "compare"
columns = ["sold_at <= cancelled_at"]
sentence = "A cancellation is matched with a sale that came later"
[[checks]]
check = "compare"
columns = ["sale_pieces = pieces"]
where = "match_kind = 'exact'"
name = "exact_takes_back_the_whole_line"
[[checks]]
check = "compare"
columns = ["pieces < sale_pieces"]
where = "match_kind = 'partial'"
name = "partial_takes_back_a_part"
*/
with cancelled as (
    select distinct
        shop_id,
        coalesce(customer_id, '') as customer_key,
        product_id,
        unit_price,
        1 as is_cancelled
    from marts.order_lines
    where status in ('cancelled', 'returned')
),

-- Whatever is compared has one customer, product and price; most of these were never cancelled.
-- Written so that the planner takes a third of the lines for those that were: by an inner join it
-- expects one, by "cancels = 1" one in 200, and then compares each sale with each cancellation.
order_lines as (
    select
        order_lines.shop_id,
        order_lines.order_id,
        order_lines.product_id,
        order_lines.customer_id,
        coalesce(order_lines.customer_id, '') as customer_key,
        order_lines.unit_price,
        abs(order_lines.quantity) as pieces,
        order_lines.line_kind,
        order_lines.currency,
        order_lines.status,
        order_lines.revenue,
        order_lines.ordered_at,
        cast(order_lines.ordered_local as date) as order_date,
        order_lines.is_simulated,
        case when order_lines.status = 'sold' then 0 else 1 end as cancels
    from marts.order_lines as order_lines
    left join cancelled
        on
            order_lines.shop_id = cancelled.shop_id
            and coalesce(order_lines.customer_id, '') = cancelled.customer_key
            and order_lines.product_id = cancelled.product_id
            and order_lines.unit_price = cancelled.unit_price
    where
        (
            order_lines.status in ('cancelled', 'returned')
            or (order_lines.status = 'sold' and order_lines.quantity > 0)
        )
        and coalesce(cancelled.is_cancelled, 0) > 0
),

numbered as (
    select
        *,
        row_number() over (
            partition by product_id, customer_key, unit_price, shop_id, cancels
            order by ordered_at, order_id, pieces, status, revenue
        ) as place
    from order_lines
),

compared as (
    select
        *,
        row_number() over (
            partition by order_id, cancels, shop_id
            order by product_id, unit_price, pieces, customer_key, ordered_at, status, revenue
        ) as line_number,
        sum(1 - cancels) over (
            partition by product_id, customer_key, unit_price, shop_id
        ) as all_sales,
        sum(1 - cancels) over (
            partition by product_id, customer_key, unit_price, shop_id
            order by ordered_at, cancels, place
            rows between unbounded preceding and current row
        ) as earlier_sales
    from numbered
),

wanted as (
    select distinct
        shop_id,
        customer_key,
        product_id,
        unit_price,
        pieces
    from compared
    where cancels > 0
),

-- a time line for each number of pieces that is cancelled, of the sales large enough for it: the
-- work grows with the sales, where pairs of sales and cancellations would grow with their product
time_line as (
    select
        compared.*,
        wanted.pieces as wanted_pieces
    from compared
    inner join wanted
        on
            compared.shop_id = wanted.shop_id
            and compared.customer_key = wanted.customer_key
            and compared.product_id = wanted.product_id
            and compared.unit_price = wanted.unit_price
            and compared.pieces >= wanted.pieces
    where compared.cancels = 0
    union all
    select
        *,
        pieces as wanted_pieces
    from compared
    where cancels = 1
),

looked_up as (
    select
        *,
        max(case when cancels = 0 then place end) over (
            partition by product_id, customer_key, unit_price, shop_id, wanted_pieces
            order by ordered_at, cancels, place
            rows between unbounded preceding and current row
        ) as sale_place
    from time_line
),

-- each sale with its cancellations behind it; joining them would loop, as they are taken for few
gathered as (
    select
        *,
        pieces as wanted_pieces,
        place as sale_place
    from compared
    where cancels = 0
    union all
    select *
    from looked_up
    where cancels = 1
),

chosen as (
    select
        *,
        max(case when cancels = 0 then order_id end) over (
            partition by product_id, customer_key, unit_price, shop_id, sale_place
        ) as sale_order_id,
        max(case when cancels = 0 then pieces end) over (
            partition by product_id, customer_key, unit_price, shop_id, sale_place
        ) as sale_pieces,
        max(case when cancels = 0 then ordered_at end) over (
            partition by product_id, customer_key, unit_price, shop_id, sale_place
        ) as sold_at,
        sum(cancels * pieces) over (
            partition by product_id, customer_key, unit_price, shop_id, sale_place
            order by cancels, place
            rows between unbounded preceding and current row
        ) as pieces_taken_back
    from gathered
),

judged as (
    select
        *,
        case
            when sale_order_id is null or pieces_taken_back > sale_pieces then 'none'
            when sale_pieces = pieces then 'exact'
            else 'partial'
        end as match_kind
    from chosen
    where cancels = 1
)

select
    shop_id,
    order_id,
    status,
    cast(line_number as integer) as line_number,
    product_id,
    line_kind,
    customer_id,
    ordered_at as cancelled_at,
    order_date as cancelled_date,
    pieces,
    unit_price,
    cast(-revenue as numeric(28, 4)) as amount,
    currency,
    case when match_kind <> 'none' then sale_order_id end as sale_order_id,
    case when match_kind <> 'none' then sale_pieces end as sale_pieces,
    case when match_kind <> 'none' then sold_at end as sold_at,
    cast(
        case
            when match_kind <> 'none'
                then floor(
                    (extract(epoch from ordered_at) - extract(epoch from sold_at)) / 86400
                )
        end as integer
    ) as days_since_sale,
    match_kind,
    case
        when match_kind = 'exact' then 'the latest earlier sale, of as many pieces'
        when match_kind = 'partial' then 'the latest earlier sale of enough pieces'
        when all_sales = 0 then 'no sale of this product at this price to this customer'
        when earlier_sales = 0 then 'all such sales are later'
        when sale_order_id is null then 'all such earlier sales are of fewer pieces'
        else 'the sale was taken back by earlier cancellations'
    end as reason,
    is_simulated
from judged
