create table evidence (
  evidence_id text collate "C" primary key,
  tenant_id text collate "C" not null,
  execution_id text collate "C" references executions,
  investigation_id text collate "C" references investigations,
  kind text not null,
  source json not null,
  object_key text not null,
  sha256 text not null,
  bytes bigint not null check (bytes >= 0),
  collected_at timestamptz not null,
  check (execution_id is not null or investigation_id is not null)
);
create index evidence_by_execution on evidence (execution_id, evidence_id) where execution_id is not null;
create index evidence_by_investigation on evidence (investigation_id, evidence_id) where investigation_id is not null;
create trigger evidence_kept before update or delete on evidence for each row execute function refuse_change();
create trigger evidence_not_truncated before truncate on evidence execute function refuse_change();

-- The one row that whoever appends locks first: commits in the order of the numbers, and no number is lost.
create table stream_head (
  only_row boolean primary key default true check (only_row),
  audit_seq bigint not null default 0,
  audit_mac text,
  event_seq bigint not null default 0
);
insert into stream_head default values;

create table audit_events (
  seq bigint primary key,
  tenant_id text collate "C" not null,
  at timestamptz not null,
  action text not null,
  actor_id text not null,
  subject_id text not null,
  record text not null,
  mac text not null
);
create index audit_events_by_tenant on audit_events (tenant_id, seq desc);
create index audit_events_by_subject on audit_events (tenant_id, subject_id, seq desc);

create function audit_follows_head() returns trigger language plpgsql as $$
begin
  if not exists (select from stream_head where audit_seq = new.seq and audit_mac = new.mac) then
    raise exception 'audit record % is not the head', new.seq using errcode = 'restrict_violation';
  end if;
  return new;
end $$;
create trigger audit_events_dense before insert on audit_events for each row execute function audit_follows_head();
create trigger audit_events_kept before update or delete on audit_events for each row execute function refuse_change();
create trigger audit_events_not_truncated before truncate on audit_events execute function refuse_change();

create table events (
  seq bigint primary key,
  tenant_id text collate "C" not null,
  type text not null check (type in ('plan.updated', 'execution.updated', 'incident.updated', 'audit.created')),
  subject_id text not null,
  at timestamptz not null,
  data json not null
);
create index events_by_tenant on events (tenant_id, seq);

create function event_follows_head() returns trigger language plpgsql as $$
begin
  if not exists (select from stream_head where event_seq = new.seq) then
    raise exception 'event % is not the head', new.seq using errcode = 'restrict_violation';
  end if;
  return new;
end $$;
create trigger events_dense before insert on events for each row execute function event_follows_head();
create trigger events_kept before update or delete on events for each row execute function refuse_change();
create trigger events_not_truncated before truncate on events execute function refuse_change();
