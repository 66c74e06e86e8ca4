import type { AuditNote } from '../audit-trail.ts';
import type { Firing, Schedule } from '@carapulse/schedule';

/** What the trail says of a firing that made no plan; one that did is told by its plan, whose trigger names it. */
export function firingNote(
  { schedule_id, name }: Pick<Schedule, 'schedule_id' | 'name'>,
  firing: Firing,
): AuditNote {
  const { firing_id, cause, nominal_at, until_at, count, status, reason } = firing;
  return {
    action: 'schedule.fire',
    phase: 'event',
    subject: { kind: 'schedule', id: schedule_id },
    outcome: { result: status === 'failed' ? 'failed' : 'denied' },
    details: { name, firing_id, cause, nominal_at, until_at, count, status, reason },
  };
}
