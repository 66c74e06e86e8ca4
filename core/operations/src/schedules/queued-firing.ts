import { newId, toTimestamp } from '@carapulse/kernel';
import { jitterMs, type Firing, type Schedule } from '@carapulse/schedule';
import type { Services } from '../services.ts';

/** A firing that waits for its moment. Jitter spreads what the clock asks for, not what a person does. */
export function queuedFiring(
  services: Pick<Services, 'clock' | 'random'>,
  schedule: Schedule,
  nominalMs: number,
  asked: Pick<Firing, 'cause' | 'requested_by'>,
): Firing {
  const { definition, schedule_id, tenant_id } = schedule;
  const nowMs = services.clock.nowMs();
  const nominal_at = toTimestamp(nominalMs);
  const dueMs =
    asked.cause === 'cron' ? nominalMs + jitterMs(schedule_id, nominal_at, definition.jitter_s) : nowMs;
  const due_at = toTimestamp(dueMs);
  return {
    firing_id: newId('firing', services.clock, services.random),
    schedule_id,
    tenant_id,
    ...asked,
    nominal_at,
    until_at: nominal_at,
    count: 1,
    due_at,
    deadline_at: toTimestamp(dueMs + definition.catch_up_window_s * 1000),
    status: 'waiting',
    reason: '',
    plan_id: null,
    attempts: 0,
    look_at: due_at,
    recorded_at: toTimestamp(nowMs),
    ended_at: null,
  };
}
