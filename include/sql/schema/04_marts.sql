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

create or replace view marts.served_artifacts as
select distinct on (v.shop_id, v.model)
    v.shop_id,
    substr(v.model, length('recommend_') + 1) as method,
    v.build_id,
    v.artifact_sha256,
    v.artifact_bytes
from ops.model_version as v
inner join ops.build as b on v.build_id = b.build_id
inner join ops.current_build as c on v.build_id <= c.build_id
where
    starts_with(v.model, 'recommend_')
    and b.first_published_at is not null
    and v.artifact_sha256 is not null
order by v.shop_id asc, v.model asc, v.build_id desc;

comment on view marts.served_artifacts is 'The saved model of each recommender of the published night: of a method whose rows stand in from an earlier night, the model of that night';
comment on column marts.served_artifacts.shop_id is 'The shop';
comment on column marts.served_artifacts.method is 'Which recommender, as in served_model';
comment on column marts.served_artifacts.build_id is 'The night in which the file was last kept';
comment on column marts.served_artifacts.artifact_sha256 is 'Hash of the model file, and its name in ECORSE_HOME/models';
comment on column marts.served_artifacts.artifact_bytes is 'Its size';
