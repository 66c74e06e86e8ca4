import type { FiringView, ScheduleView } from '@carapulse/contract';
import type { FiringRecord, ScheduleDetail } from '@carapulse/operations';

export function firingView({ tenant_id: _tenant, look_at: _look, ...firing }: FiringRecord): FiringView {
  // The id is set aside for the plan at the first try; it names one only once there is a plan.
  return { ...firing, plan_id: firing.status === 'planned' ? firing.plan_id : null };
}

export function scheduleView({ schedule, upcoming, firings }: ScheduleDetail): ScheduleView {
  const { tenant_id: _tenant, decided_until: _decided, ...shown } = schedule;
  return { schedule: shown, upcoming: [...upcoming], firings: firings.map(firingView) };
}
