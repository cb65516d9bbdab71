-- What happened. Rows are written by the steps of the nightly flow and never by hand.

create table if not exists ops.shop (
    shop_id text primary key,
    shop_name text not null,
    time_zone text not null,
    currency text not null,
    is_simulated boolean not null default false
);
comment on table ops.shop is 'One row per shop that ever sent a file; simulated rows live under a shop of their own';

create table if not exists ops.run (
    run_id bigint generated always as identity primary key,
    kind text not null,
    holder text not null,
    params jsonb not null default '{}',
    status text not null default 'running'
        check (status in ('running', 'succeeded', 'failed')),
    started_at timestamptz not null default clock_timestamp(),
    finished_at timestamptz,
    error text,
    summary jsonb not null default '{}',
    ecorse_version text not null,
    git_sha text not null
);
comment on table ops.run is 'One row per command or DAG run that may write';

create table if not exists ops.writer (
    scope text primary key,
    token bigint not null,
    holder text not null,
    backend_pid integer not null,
    since timestamptz not null default clock_timestamp()
);
comment on table ops.writer is 'The latest holder of each writing scope; its token is checked in every commit (fencing)';

create table if not exists ops.load (
    load_id bigint generated always as identity primary key,
    shop_id text not null references ops.shop,
    source text not null,
    file_name text not null,
    sha256 text not null check (length(sha256) = 64),
    size_bytes bigint not null,
    rows_read bigint not null,
    rows_staged bigint not null,
    rows_duplicate bigint not null,
    rows_ignored bigint not null,
    rows_rejected bigint not null,
    money_staged numeric not null default 0,
    counts jsonb not null default '{}',
    warnings jsonb not null default '[]',
    contract_sha256 text not null,
    time_zone text not null,
    currency text not null,
    first_row_at timestamptz,
    last_row_at timestamptz,
    started_at timestamptz not null,
    known_at timestamptz not null default clock_timestamp(),
    superseded_at timestamptz,
    superseded_by bigint references ops.load,
    run_id bigint references ops.run,
    ecorse_version text not null,
    constraint every_row_accounted_for check (
        rows_read = rows_staged + rows_duplicate + rows_ignored + rows_rejected
    )
);
comment on table ops.load is 'One row per loaded file content; its rows count only while this row is committed';
comment on column ops.load.counts is 'rule id to row count, under duplicate, ignored, rejected, flagged and warned (the last two staged all the same)';
comment on column ops.load.known_at is 'When the warehouse came to know this content';
comment on column ops.load.money_staged is 'What the staged rows and the lines added to them are worth, in the currency of the load';
-- Guarded, because ALTER TABLE locks out every reader even where there is nothing to add, and this
-- file is run by most commands.
do $$
begin
    if not exists (
        select from pg_attribute
        where attrelid = 'ops.load'::regclass and attname = 'pruned_at'
    ) then
        alter table ops.load add column if not exists withdrawn_reason text;
        alter table ops.load add column if not exists pruned_at timestamptz;
    end if;
end $$;
do $$
begin
    if not exists (
        select from pg_attribute
        where attrelid = 'ops.load'::regclass and attname = 'rows_by_table'
    ) then
        alter table ops.load add column rows_by_table jsonb not null default '{}';
        update ops.load set rows_by_table = jsonb_build_object('order_lines', rows_staged);
    end if;
end $$;
do $$
begin
    if not exists (
        select from pg_attribute
        where attrelid = 'ops.load'::regclass and attname = 'line_order'
    ) then
        alter table ops.load add column if not exists lines_added bigint not null default 0;
        alter table ops.load add column if not exists money jsonb not null default '{}';
        alter table ops.load add column if not exists line_order bigint;
    end if;
end $$;
comment on column ops.load.lines_added is 'Lines made of values beside the rows (shipping, a discount of the order ...); they are no rows of the file, and their money is in money_staged';
comment on column ops.load.money is 'What became of the file''s money, in the currency of the load: staged, duplicate_in_file, duplicate_across_files, rejected and left_out (as far as it can be read), each signed as in the marts; replaced is that of earlier loads';
comment on column ops.load.line_order is 'Of a source whose lines have a key: the place of the load among those of its source, the line of the highest counts; null: lines have no key';
comment on column ops.load.rows_by_table is 'staging table to rows: the table of the source, whose rows are rows_staged, and further tables that got rows of the same lines';
comment on column ops.load.withdrawn_reason is 'Why a person took the load out; its content is not loaded again while superseded_by is null';
comment on column ops.load.pruned_at is 'When the rows of a superseded load were deleted from staging';
create unique index if not exists load_content_once
    on ops.load (shop_id, source, sha256) where superseded_at is null;
create unique index if not exists load_name_once
    on ops.load (shop_id, source, file_name) where superseded_at is null;

create table if not exists ops.reject (
    reject_id bigint generated always as identity primary key,
    load_id bigint not null references ops.load on delete cascade,
    source_line bigint not null,
    raw text not null,
    is_base64 boolean not null default false,
    rule text not null,
    column_name text,
    sentence text not null,
    reasons jsonb not null
);
comment on table ops.reject is 'Every rejected row: where it stood, its raw text and every reason; the first reason also in columns';
comment on column ops.reject.raw is 'The raw record; base64 of its bytes where is_base64 (invalid text, NUL)';
create index if not exists reject_by_load on ops.reject (load_id);

create table if not exists ops.refused_file (
    refused_file_id bigint generated always as identity primary key,
    shop_id text not null,
    source text not null,
    file_name text not null,
    error_class text not null,
    message text not null,
    refused_at timestamptz not null default clock_timestamp(),
    resolved_at timestamptz,
    run_id bigint references ops.run
);
do $$
begin
    if not exists (
        select from pg_attribute
        where attrelid = 'ops.refused_file'::regclass and attname = 'detail'
    ) then
        alter table ops.refused_file add column if not exists detail jsonb not null default '{}';
    end if;
end $$;
comment on column ops.refused_file.detail is 'Of a file with too many rejected rows: rows_read, rows_rejected, money_rejected, currency, rejected (rule to rows), examples';
comment on table ops.refused_file is 'Files of which nothing was loaded, and why; resolved when a later file of that name loads';

create table if not exists ops.load_report (
    load_id bigint not null references ops.load on delete cascade,
    section text not null check (section in ('rows', 'rules', 'columns', 'derived')),
    item text not null,
    metric text not null,
    raw_value text,
    clean_value text,
    primary key (load_id, section, item, metric)
);
comment on table ops.load_report is 'Raw versus clean, per load: rule by rule and the column profile before and after';

create table if not exists ops.build (
    build_id bigint generated always as identity primary key,
    status text not null default 'building' check (
        status in (
            'building', 'audited', 'published', 'refused', 'failed', 'orphaned', 'clearing', 'removed'
        )
    ),
    as_of timestamptz,
    known_by timestamptz,
    holder text not null,
    started_at timestamptz not null default clock_timestamp(),
    heartbeat_at timestamptz not null default clock_timestamp(),
    finished_at timestamptz,
    first_published_at timestamptz,
    error text,
    ecorse_version text not null,
    git_sha text not null
);
comment on table ops.build is 'One row per night built; build_id rises by sequence, never by clock';
comment on column ops.build.as_of is 'Only rows dated up to here are in the build; null means all';

create table if not exists ops.build_load (
    build_id bigint not null references ops.build on delete cascade,
    load_id bigint not null references ops.load,
    primary key (build_id, load_id)
);
do $$
begin
    if not exists (
        select from pg_attribute
        where attrelid = 'ops.build_load'::regclass and attname = 'line_order'
    ) then
        alter table ops.build_load add column if not exists line_order bigint;
    end if;
end $$;
comment on column ops.build_load.line_order is 'ops.load.line_order; here, so that a build without keyed loads is read as if there were none';
comment on table ops.build_load is 'The loads a build is made of: its watermark';

create table if not exists ops.build_step (
    build_id bigint not null references ops.build on delete cascade,
    step text not null,
    area text,
    token bigint not null default 0,
    status text not null check (status in ('running', 'succeeded', 'failed')),
    started_at timestamptz not null default clock_timestamp(),
    finished_at timestamptz,
    rows bigint,
    detail jsonb not null default '{}',
    primary key (build_id, step)
);
comment on table ops.build_step is 'Progress of a build; the token fences out an earlier try of the same step';
do $$
begin
    if not exists (
        select from pg_attribute
        where attrelid = 'ops.build_step'::regclass and attname = 'area'
    ) then
        alter table ops.build_step add column if not exists area text;
    end if;
end $$;
comment on column ops.build_step.area is 'The area of marts, or the model, in whose task the step is made';

-- Partitioned like the marts, so that a statement planned before a build was attached misses its
-- pointer as it misses its tables, and goes on reading the build before (docs/adr/0005).
create table if not exists builds.build_pointer (
    build_id bigint not null,
    publication_id bigint,
    published_at timestamptz
) partition by list (build_id);
comment on table builds.build_pointer is 'One row per kept build; the highest publication_id is the published build';

create or replace view ops.current_build as
select
    build_id,
    published_at
from builds.build_pointer
where publication_id is not null
order by publication_id desc
limit 1;
comment on view ops.current_build is 'One row: the published build. Publishing and rolling back are an UPDATE of its pointer';

create table if not exists ops.held_back (
    build_id bigint not null references ops.build on delete cascade,
    shop_id text not null,
    reason text not null check (reason in ('shrank', 'keys', 'currencies')),
    sentence text not null,
    loads bigint[] not null,
    primary key (build_id, shop_id)
);
comment on table ops.held_back is 'Shops that a build shows as the night before did, for what came is not sound; the others go on';
comment on column ops.held_back.loads is 'The loads that counted, of which the build would have been made';

create or replace view ops.loads_seen as
select
    l.load_id,
    l.shop_id
from ops.current_build as c
inner join ops.build_load as b on c.build_id = b.build_id
inner join ops.load as l on b.load_id = l.load_id
where not exists (
    select 1
    from ops.held_back as h
    where h.build_id = c.build_id and h.shop_id = l.shop_id
)
union all
select
    unnest(h.loads) as load_id,
    h.shop_id
from ops.current_build as c
inner join ops.held_back as h on c.build_id = h.build_id;
comment on view ops.loads_seen is 'The loads that counted when the published night was made, also of shops that were held back';

create table if not exists ops.publication (
    publication_id bigint generated always as identity primary key,
    action text not null check (action in ('publish', 'rollback')),
    build_id bigint not null references ops.build,
    previous_build_id bigint,
    published_at timestamptz not null default clock_timestamp(),
    holder text not null
);
comment on table ops.publication is 'Every publish and rollback ever made';
create unique index if not exists publish_once on ops.publication (build_id) where action = 'publish';

create table if not exists ops.check_result (
    build_id bigint not null references ops.build on delete cascade,
    mart text not null,
    check_name text not null,
    level text not null check (level in ('fail', 'warn')),
    passed boolean not null,
    failing_rows bigint not null,
    sentence text not null,
    sample jsonb not null default '[]',
    seconds double precision not null,
    checked_at timestamptz not null default clock_timestamp(),
    primary key (build_id, mart, check_name)
);
comment on table ops.check_result is 'Every check of every build, with the first rows that break it';

create table if not exists ops.model_version (
    model_version_id bigint generated always as identity primary key,
    build_id bigint not null references ops.build,
    shop_id text not null,
    model text not null,
    artifact_sha256 text,
    artifact_bytes bigint,
    params jsonb not null,
    metrics jsonb not null,
    data_hash text not null,
    seed bigint,
    library_versions jsonb not null,
    ecorse_version text not null,
    git_sha text not null,
    trained_at timestamptz not null default clock_timestamp(),
    unique (build_id, shop_id, model)
);
comment on table ops.model_version is 'What served a build: the model file by hash, and all that is needed to make it again';

create table if not exists ops.model_decision (
    model_decision_id bigint generated always as identity primary key,
    build_id bigint not null references ops.build,
    shop_id text not null,
    model text not null,
    outcome text not null check (outcome in ('promoted', 'held', 'refused')),
    reason text not null,
    numbers jsonb not null,
    champion_version_id bigint references ops.model_version,
    decided_at timestamptz not null default clock_timestamp(),
    unique (build_id, shop_id, model)
);
comment on table ops.model_decision is 'Whether a candidate replaced the champion, by which rule, on which numbers';

create table if not exists ops.published_view (
    mart text primary key,
    fingerprint text not null
);
comment on table ops.published_view is 'The views in schema marts that Ecorse made, and what each was made from';

create table if not exists ops.load_attempt (
    load_id bigint primary key,
    shop_id text not null,
    source text not null,
    file_name text not null,
    started_at timestamptz not null default clock_timestamp()
);
comment on table ops.load_attempt is 'Loads at work now; one left here was killed, and the next load of its source deletes its rows';

create table if not exists ops.seen_file (
    shop_id text not null,
    source text not null,
    file_name text not null,
    sha256 text not null,
    line_order bigint not null,
    seen_at timestamptz not null default clock_timestamp(),
    primary key (shop_id, source, file_name)
);
comment on table ops.seen_file is 'Of sources whose lines have a key: the content that each file had when it was last seen, and the place of that content among the loads of the source';

create table if not exists ops.left_out_line (
    load_id bigint not null,
    shop_id text not null,
    line_id text not null,
    primary key (load_id, shop_id, line_id)
);
comment on table ops.left_out_line is 'Of sources whose lines have a key: the keys of rows that a load leaves out ([[leave_out]]); from that load on what earlier loads have of them does not count';

create table if not exists ops.schema_version (
    fingerprint text not null,
    migrated_at timestamptz not null default clock_timestamp()
);
comment on table ops.schema_version is 'One row: the hash of the schema files that this database was made from';
