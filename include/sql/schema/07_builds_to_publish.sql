-- Whether an audited build waits for somebody to look, or was to be published and its refresh died.
alter table ops.build add column if not exists is_to_be_published boolean;
comment on column ops.build.is_to_be_published is 'Whether its refresh is to publish it; null: not said when it was opened';
