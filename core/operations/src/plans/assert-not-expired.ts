import { AppError } from '@carapulse/kernel';
import type { Plan } from '@carapulse/plan';

/** @throws AppError `plan_expired` from the instant on at which the plan expires, marked as such or not. */
export function assertNotExpired({ plan_id, expires_at }: Plan, nowMs: number): void {
  if (nowMs < Date.parse(expires_at)) return;
  throw new AppError('plan_expired', `Plan ${plan_id} expired at ${expires_at}; make a new one.`);
}
