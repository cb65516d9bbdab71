-- Models whose jump somebody lets through in a build: 'model', or 'model:shop' for one shop.
alter table ops.build add column if not exists accepted text[] not null default '{}';
comment on column ops.build.accepted is 'Models, or model:shop, whose jump was accepted when the build was opened';
