-- A model that could not be trained is an outcome too; homes made before it knew three.
alter table ops.model_decision drop constraint if exists model_decision_outcome_check;
alter table ops.model_decision add constraint model_decision_outcome_check
check (outcome in ('promoted', 'held', 'refused', 'failed'));
