-- Cleaned canonical rows. A row counts in a build when its load is in ops.build_load of that build.
-- Each table has a twin repeated_<table>: rows that an earlier load of the same shop and source already holds;
-- they count only in builds that lack every earlier load holding them.

create table if not exists staging.order_lines (
    shop_id text not null,
    order_id text not null,
    product_id text not null,
    product_name text not null,
    category text,
    quantity integer not null,
    unit_price numeric(14, 4) not null,
    currency text not null,
    ordered_at timestamptz not null,
    ordered_local timestamp not null,
    customer_id text,
    customer_key_kind text not null default 'none',
    address text,
    street text,
    city text,
    region text,
    postal_code text,
    country text,
    platform text,
    status text not null default 'sold' check (status in ('sold', 'cancelled', 'returned')),
    is_simulated boolean not null default false,
    extra jsonb,
    load_id bigint not null,
    source_line bigint not null,
    line_kind text not null default 'product' check (
        line_kind in (
            'product', 'shipping', 'fee', 'discount', 'voucher', 'adjustment', 'manual', 'sample'
        )
    ),
    category_path text,
    brand text,
    flags jsonb
);
-- Guarded, because ALTER TABLE locks out every reader even where there is nothing to add.
do $$
declare
    twin text;
begin
    foreach twin in array array['order_lines', 'repeated_order_lines'] loop
        if to_regclass('staging.' || twin) is not null and not exists (
            select from pg_attribute
            where attrelid = to_regclass('staging.' || twin) and attname = 'line_kind'
        ) then
            execute format(
                'alter table staging.%I add column line_kind text not null default ''product'', '
                'add column category_path text, add column brand text, add column flags jsonb', twin
            );
        end if;
    end loop;
end $$;
comment on table staging.order_lines is 'One row per sold line, as cleaned; rows of superseded loads stay until pruned';
comment on column staging.order_lines.ordered_local is 'The shop''s wall clock as the file states it; ordered_at is the same instant in UTC';
comment on column staging.order_lines.extra is 'Columns of the file that the contract does not know';
comment on column staging.order_lines.line_kind is 'What the line is for; only product lines are in product marts, all are in the money';
comment on column staging.order_lines.flags is 'Ids of the rules that mark the row without refusing it';
create index if not exists order_lines_by_load on staging.order_lines using brin (load_id) with (pages_per_range = 32);
create table if not exists staging.repeated_order_lines (like staging.order_lines including all);

create table if not exists staging.events (
    shop_id text not null,
    event_at timestamptz not null,
    event_type text not null check (
        event_type in (
            'view', 'cart', 'remove_from_cart', 'purchase', 'search', 'click', 'bookmark', 'rating'
        )
    ),
    product_id text,
    customer_id text,
    session_id text,
    price numeric(14, 4),
    quantity integer,
    rating numeric(6, 3),
    query text,
    platform text,
    country text,
    category_id text,
    category_path text,
    brand text,
    is_simulated boolean not null default false,
    extra jsonb,
    flags jsonb,
    load_id bigint not null,
    source_line bigint not null
);
comment on table staging.events is 'One row per behaviour event, as cleaned; rows of superseded loads stay until pruned';
comment on column staging.events.category_path is 'The category as the source writes it, its levels parted by dots; null where it has none';
create index if not exists events_by_load on staging.events using brin (load_id) with (pages_per_range = 32);
create table if not exists staging.repeated_events (like staging.events including all);

create table if not exists staging.products (
    shop_id text not null,
    product_id text not null,
    product_name text,
    category text,
    category_path text,
    brand text,
    description text,
    image_uri text,
    price numeric(14, 4),
    attributes jsonb,
    is_simulated boolean not null default false,
    extra jsonb,
    flags jsonb,
    load_id bigint not null,
    source_line bigint not null
);
comment on table staging.products is 'One row per product (or variant) of a catalogue file; of several rows of a product the latest load counts';
create index if not exists products_by_load on staging.products using brin (load_id) with (pages_per_range = 32);
create table if not exists staging.repeated_products (like staging.products including all);

create table if not exists staging.customers (
    shop_id text not null,
    customer_id text not null,
    attributes jsonb not null default '{}',
    is_simulated boolean not null default false,
    extra jsonb,
    flags jsonb,
    load_id bigint not null,
    source_line bigint not null
);
comment on table staging.customers is 'One row per customer of a customer file: attributes typed by the source''s contract';
comment on column staging.customers.flags is 'Ids of the rules that a value breaks without being refused, such as a birth year no living person has';
create index if not exists customers_by_load on staging.customers using brin (load_id) with (pages_per_range = 32);
create table if not exists staging.repeated_customers (like staging.customers including all);

comment on table staging.repeated_order_lines is 'Lines that an earlier load of the same shop and source already holds; they step in when that load is superseded';
comment on table staging.repeated_events is 'Events that an earlier load of the same shop and source already holds';
comment on table staging.repeated_products is 'Catalogue rows that an earlier load of the same shop and source already holds';
comment on table staging.repeated_customers is 'Customer rows that an earlier load of the same shop and source already holds';
