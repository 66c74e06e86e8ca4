-- Whether an earlier plan of a schedule hasn't ended is asked at each firing. Without these that reads every firing the
-- schedule ever had.
create index plans_open on plans (plan_id)
  where status in ('awaiting_approval', 'held', 'approved', 'executing', 'parked');
create unique index schedule_firings_by_plan on schedule_firings (plan_id) where status = 'planned';
create index schedule_firings_waiting_of on schedule_firings (schedule_id, nominal_at) where status = 'waiting';
