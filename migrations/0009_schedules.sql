create table schedules (
  schedule_id text collate "C" primary key,
  tenant_id text collate "C" not null,
  name text collate "C" not null,
  -- Each time up to here has its row, or was judged.
  decided_until timestamptz not null,
  next_at timestamptz,
  document json not null,
  revision int not null check (revision > 0),
  unique (tenant_id, name)
);
create index schedules_by_tenant on schedules (tenant_id, schedule_id desc);
create index schedules_due on schedules (next_at) where next_at is not null;

create table schedule_firings (
  firing_id text collate "C" primary key,
  schedule_id text collate "C" not null references schedules on delete cascade,
  tenant_id text collate "C" not null,
  cause text not null check (cause in ('cron', 'backfill', 'manual')),
  requested_by text,
  nominal_at timestamptz not null,
  until_at timestamptz not null,
  count int not null check (count > 0),
  due_at timestamptz not null,
  deadline_at timestamptz not null,
  status text not null check (status in ('waiting', 'planned', 'refused', 'skipped', 'missed', 'failed')),
  reason text not null,
  -- Given at the first claim; the plan is stored when the status is planned.
  plan_id text collate "C",
  attempts int not null check (attempts >= 0),
  look_at timestamptz not null,
  recorded_at timestamptz not null,
  ended_at timestamptz,
  process bigint not null default 0 check (process >= 0),
  check (until_at >= nominal_at),
  check ((status = 'waiting') = (ended_at is null)),
  check (status <> 'planned' or plan_id is not null)
);
-- One plan a schedule and time, whoever fires it and however often.
create unique index schedule_firings_one_plan on schedule_firings (schedule_id, nominal_at) where status in ('waiting', 'planned');
create index schedule_firings_by_schedule on schedule_firings (schedule_id, nominal_at desc, firing_id desc);
create index schedule_firings_waiting on schedule_firings (look_at, nominal_at) where status = 'waiting';

create function firing_has_ended() returns trigger language plpgsql as $$
begin
  if old.status = 'missed' and new.status = 'missed' and new.count >= old.count and new.until_at >= old.until_at then
    return new;
  end if;
  raise exception 'firing % has ended', old.firing_id using errcode = 'restrict_violation';
end $$;
create trigger schedule_firings_ended before update on schedule_firings
  for each row when (old.status <> 'waiting') execute function firing_has_ended();
