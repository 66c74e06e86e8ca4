-- Which process a request ran in, and whether it changed anything. Of keys from before nobody knows: they count as
-- left by a process that has ended, and as having acted.
alter table idempotency_keys
  add column epoch bigint not null default 0 check (epoch >= 0),
  add column acted boolean not null default true;
