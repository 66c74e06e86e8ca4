create table fencing (
  only_row boolean primary key default true check (only_row),
  epoch bigint not null default 0 check (epoch >= 0)
);
insert into fencing default values;

create function epoch_only_rises() returns trigger language plpgsql as $$
begin
  if new.epoch <= old.epoch then
    raise exception 'the fencing epoch % cannot become %', old.epoch, new.epoch using errcode = 'restrict_violation';
  end if;
  return new;
end $$;
create trigger fencing_rises before update on fencing for each row execute function epoch_only_rises();
create trigger fencing_kept before delete on fencing for each row execute function refuse_change();

create table leases (
  target text collate "C" primary key,
  holder text collate "C" not null,
  epoch bigint not null check (epoch >= 0),
  expires_at timestamptz not null
);
create index leases_by_holder on leases (holder);

create table idempotency_keys (
  principal text collate "C" not null,
  key text collate "C" not null,
  request_digest text not null,
  response json,
  created_at timestamptz not null,
  primary key (principal, key)
);

create table tool_calls (
  key text collate "C" primary key,
  tool text not null,
  action text not null,
  kind text not null check (kind in ('read', 'write')),
  input_digest text not null,
  execution_id text collate "C" references executions,
  epoch bigint check (epoch >= 0),
  state text not null check (state in ('intent', 'done', 'failed')),
  response json not null,
  code text,
  begun_at timestamptz not null,
  ended_at timestamptz,
  check ((state = 'intent') = (ended_at is null))
);
create index tool_calls_writes on tool_calls (begun_at) where kind = 'write';
