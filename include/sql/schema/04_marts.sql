-- What every build carries; the other views of marts are made when a build is published.

create or replace view marts.build_info as
select
    b.build_id,
    coalesce(b.as_of, b.started_at) as as_of,
    b.first_published_at as built_at,
    b.ecorse_version,
    b.git_sha
from ops.build as b
inner join ops.current_build as c on b.build_id = c.build_id;

comment on view marts.build_info is 'One row: the published night that every other mart shows';
comment on column marts.build_info.build_id is 'Number of the night; higher is later';
comment on column marts.build_info.as_of is 'Rows dated up to here are in the night (UTC)';
comment on column marts.build_info.built_at is 'When the night was first published (UTC)';
comment on column marts.build_info.ecorse_version is 'Version of the package that made it';
comment on column marts.build_info.git_sha is 'Commit of the code that made it';
