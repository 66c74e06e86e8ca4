-- A person's hand on a run: what people may do with it, when a step is tried again, and the statuses that go with it.
alter table executions add column steering json;
alter table executions drop constraint executions_status_check;
alter table executions add constraint executions_status_check check (status in (
  'queued', 'running', 'rolling_back', 'succeeded', 'succeeded_with_skips', 'failed', 'rolled_back', 'parked', 'paused',
  'taken_over', 'cancelled', 'held'));
alter table execution_steps add column retry_at timestamptz;
alter table plans drop constraint plans_status_check;
alter table plans add constraint plans_status_check check (status in (
  'policy_denied', 'awaiting_approval', 'held', 'approved', 'denied', 'expired', 'stale', 'cancelled', 'executing',
  'succeeded', 'succeeded_with_skips', 'failed', 'rolled_back', 'parked'));
