-- Ids and keys compare by byte everywhere: lists page by id, and ids sort by the time they were made.

create table incidents (
  incident_id text collate "C" primary key,
  tenant_id text collate "C" not null,
  status text not null check (status in ('open', 'investigating', 'identified', 'mitigating', 'resolved', 'closed')),
  -- The key itself when it is short, else its digest: an index entry has a limit, a label has none.
  group_key text collate "C" not null,
  revision int not null check (revision > 0),
  document json not null
);
create unique index incidents_one_open_a_group on incidents (tenant_id, group_key) where status <> 'closed';
create index incidents_by_tenant on incidents (tenant_id, incident_id desc);

create table alerts (
  alert_id text collate "C" primary key,
  incident_id text collate "C" not null references incidents,
  tenant_id text collate "C" not null,
  fingerprint text collate "C" not null,
  deliveries int not null check (deliveries > 0),
  received_at timestamptz not null,
  document json not null,
  unique (incident_id, fingerprint)
);

create table investigations (
  investigation_id text collate "C" primary key,
  incident_id text collate "C" not null references incidents,
  tenant_id text collate "C" not null,
  status text not null check (status in ('queued', 'running', 'concluded', 'abstained', 'failed')),
  queued_at timestamptz not null,
  document json not null
);
create index investigations_by_incident on investigations (incident_id, investigation_id);
create index investigations_waiting on investigations (queued_at, investigation_id) where status in ('queued', 'running');

create table playbooks (
  tenant_id text collate "C" not null,
  name text collate "C" not null,
  digest text not null,
  source text not null,
  document json not null,
  enabled boolean not null,
  updated_at timestamptz not null,
  primary key (tenant_id, name)
);
