-- How often a run has changed hands between processes, as far as a transaction of it has told. What carries a lower
-- number is refused.
alter table executions add column run_epoch bigint not null default 0 check (run_epoch >= 0);

create function run_epoch_never_falls() returns trigger language plpgsql as $$
begin
  if new.run_epoch < old.run_epoch then
    raise exception 'the epoch % of run % cannot become %', old.run_epoch, old.execution_id, new.run_epoch
      using errcode = 'restrict_violation';
  end if;
  return new;
end $$;
create trigger executions_epoch before update on executions
  for each row when (new.run_epoch is distinct from old.run_epoch) execute function run_epoch_never_falls();

-- Which process conducts an investigation: nobody else does while that one has the database.
alter table investigations add column process bigint not null default 0 check (process >= 0);
