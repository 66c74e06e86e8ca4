-- Which process carries a call out: nobody else does under the same hold of its run while that one has the database.
-- 0 is nobody, as of all calls from before.
alter table tool_calls add column process bigint not null default 0 check (process >= 0);
