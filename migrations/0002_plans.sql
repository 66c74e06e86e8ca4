create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception '% of table % is refused: it is append-only', lower(tg_op), tg_table_name using errcode = 'restrict_violation';
end $$;

create table plans (
  plan_id text collate "C" primary key,
  tenant_id text collate "C" not null,
  plan_hash text not null check (plan_hash ~ '^sha256:[0-9a-f]{64}$'),
  status text not null check (status in (
    'policy_denied', 'awaiting_approval', 'held', 'approved', 'denied', 'expired', 'stale', 'cancelled',
    'executing', 'succeeded', 'failed', 'rolled_back', 'parked')),
  status_reason text not null,
  -- Nobody asked for it by hand, nor broke the glass: counts against the limit of automated writes.
  automated boolean not null,
  -- What the plan touches, as its blast radius names it.
  resources text[] not null,
  environment text not null,
  incident_id text collate "C" references incidents,
  expires_at timestamptz not null,
  document json not null,
  revision int not null check (revision > 0),
  updated_at timestamptz not null,
  unique (plan_id, plan_hash)
);
create index plans_by_tenant on plans (tenant_id, plan_id desc);
create index plans_by_incident on plans (incident_id) where incident_id is not null;
create index plans_due on plans (expires_at) where status in ('awaiting_approval', 'held', 'approved');

-- A plan is frozen: only what is said about it changes.
create function refuse_plan_edit() returns trigger language plpgsql as $$
begin
  raise exception 'plan % is frozen', old.plan_id using errcode = 'restrict_violation';
end $$;
create trigger plans_frozen before update of plan_id, tenant_id, plan_hash, automated, resources, environment, incident_id, expires_at, document
  on plans for each row execute function refuse_plan_edit();
create trigger plans_kept before delete on plans for each row execute function refuse_change();
create trigger plans_not_truncated before truncate on plans execute function refuse_change();

alter table investigations add column plan_id text collate "C" references plans;

create table approvals (
  approval_id text collate "C" primary key,
  plan_id text collate "C" not null,
  -- Bound to the hash as well: a statement about another version of the plan cannot be stored.
  plan_hash text not null,
  tenant_id text collate "C" not null,
  approver text not null,
  verdict text not null check (verdict in ('approve', 'deny')),
  nonce text collate "C" not null,
  statement json not null,
  decided_at timestamptz not null,
  revoked_at timestamptz,
  revoked_by text,
  foreign key (plan_id, plan_hash) references plans (plan_id, plan_hash),
  unique (plan_id, nonce),
  check ((revoked_at is null) = (revoked_by is null))
);
create unique index approvals_one_live_a_person on approvals (plan_id, approver, verdict) where revoked_at is null;
create trigger approvals_frozen before update of approval_id, plan_id, plan_hash, tenant_id, approver, verdict, nonce, statement, decided_at
  on approvals for each row execute function refuse_change();
create trigger approvals_kept before delete on approvals for each row execute function refuse_change();
create trigger approvals_not_truncated before truncate on approvals execute function refuse_change();

create table executions (
  execution_id text collate "C" primary key,
  plan_id text collate "C" not null unique references plans,
  tenant_id text collate "C" not null,
  status text not null check (status in (
    'queued', 'running', 'rolling_back', 'succeeded', 'failed', 'rolled_back', 'parked', 'cancelled', 'held')),
  status_reason text not null,
  epoch bigint not null check (epoch >= 0),
  queued_at timestamptz not null,
  started_at timestamptz,
  first_write_at timestamptz,
  ended_at timestamptz,
  revision int not null check (revision > 0),
  log_seq int not null default 0
);
create index executions_by_tenant on executions (tenant_id, execution_id desc);

create table dispatches (
  execution_id text collate "C" primary key references executions,
  plan_id text collate "C" not null references plans,
  queued_at timestamptz not null,
  completed_at timestamptz
);
create index dispatches_pending on dispatches (queued_at, execution_id) where completed_at is null;

create table execution_steps (
  execution_id text collate "C" not null references executions,
  step_id text collate "C" not null,
  position int generated always as identity,
  status text not null check (status in (
    'pending', 'running', 'succeeded', 'failed', 'skipped', 'rolling_back', 'rolled_back', 'outcome_unknown')),
  attempts int not null check (attempts >= 0),
  started_at timestamptz,
  ended_at timestamptz,
  detail text not null,
  evidence_id text collate "C",
  primary key (execution_id, step_id)
);

create table execution_checks (
  check_seq bigint generated always as identity primary key,
  execution_id text collate "C" not null references executions,
  check_id text not null,
  step_id text,
  phase text not null check (phase in ('before', 'precondition', 'after', 'verify_rollback')),
  verdict text not null check (verdict in ('passed', 'failed', 'inconclusive')),
  at timestamptz not null,
  detail text not null,
  evidence_id text collate "C"
);
create index execution_checks_by_execution on execution_checks (execution_id, check_seq);
create trigger execution_checks_kept before update or delete on execution_checks for each row execute function refuse_change();

create table execution_logs (
  execution_id text collate "C" not null references executions,
  seq int not null check (seq > 0),
  at timestamptz not null,
  step_id text,
  stream text not null check (stream in ('stdout', 'stderr', 'event')),
  text text not null,
  primary key (execution_id, seq)
);
create trigger execution_logs_kept before update on execution_logs for each row execute function refuse_change();
