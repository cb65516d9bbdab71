-- Keys of the REST API. Only their hashes are kept; app_reader may ask for one, and list none.
create schema if not exists api;
comment on schema api is 'What the REST API keeps: keys';
revoke all on schema api from public;
grant usage on schema api to app_reader;

create table if not exists api.key (
    key_id bigint generated always as identity primary key,
    key_name text not null,
    sha256 bytea not null unique check (length(sha256) = 32),
    scopes text[] not null,
    created_at timestamptz not null default clock_timestamp(),
    revoked_at timestamptz
);
comment on table api.key is 'One row per key of the REST API; the key itself is nowhere';
comment on column api.key.scopes is 'What it opens: read, customers, events';

create or replace function api.key_of(wanted bytea)
returns table (key_id bigint, key_name text, scopes text[])
language sql stable security definer set search_path = ''
as $$
    select k.key_id, k.key_name, k.scopes
    from api.key as k
    where k.sha256 = wanted and k.revoked_at is null
$$;
comment on function api.key_of is 'The key with this hash, unless it was taken back';
revoke all on function api.key_of from public;
grant execute on function api.key_of to app_reader;
