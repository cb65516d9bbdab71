-- The four schemas. Everything here runs as ecorse_etl, owner of the database, and is repeatable.
create schema if not exists ops;
create schema if not exists staging;
create schema if not exists builds;
create schema if not exists marts;

comment on schema ops is 'What happened: runs, loads, rejects, checks, model versions, decisions, the current build';
comment on schema staging is 'Cleaned canonical rows, each with the load it came from';
comment on schema builds is 'The tables behind marts, one partition per night; not for reading directly';
comment on schema marts is 'Views on the published night: all that BI tools and applications may read';

revoke all on schema ops, staging, builds from public;
grant usage on schema marts to bi_reader, app_reader;
alter default privileges in schema marts grant select on tables to bi_reader, app_reader;
