-- What was read while a plan was made that no incident asked for. The plan is stored after it, and only when one comes
-- of it, so this is no reference.
alter table evidence add column plan_id text collate "C";
alter table evidence drop constraint evidence_check;
alter table evidence add constraint evidence_owner
  check (execution_id is not null or investigation_id is not null or plan_id is not null);
create index evidence_by_plan on evidence (plan_id, evidence_id) where plan_id is not null;
