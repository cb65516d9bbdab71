-- Cleaned canonical rows. A row counts in a build when its load is in ops.build_load of that build.

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
    source_line bigint not null
);
comment on table staging.order_lines is 'One row per sold line, as cleaned; rows of superseded loads stay until pruned';
comment on column staging.order_lines.ordered_local is 'The shop''s wall clock as the file states it; ordered_at is the same instant in UTC';
comment on column staging.order_lines.extra is 'Columns of the file that the contract does not know';
create index if not exists order_lines_by_load on staging.order_lines using brin (load_id) with (pages_per_range = 32);

-- A line that another load of the same source already holds. It counts only in builds that lack every earlier load holding it.
create table if not exists staging.repeated_order_lines (like staging.order_lines including all);
comment on table staging.repeated_order_lines is 'Lines that an earlier load of the same shop and source already holds; they step in when that load is superseded';
