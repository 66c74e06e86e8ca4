import type { Actor, Role } from '@carapulse/kernel';

/** Every permission there is. A route and an operation name exactly one. */
export const PERMISSIONS = [
  'plan.create',
  'plan.read',
  'plan.cancel',
  'approval.decide',
  'approval.read',
  'approval.break_glass',
  'execution.start',
  'execution.read',
  'execution.control',
  'execution.skip',
  'execution.takeover',
  'incident.read',
  'incident.write',
  'alert.receive',
  'playbook.read',
  'playbook.write',
  'schedule.read',
  'schedule.write',
  'policy.read',
  'audit.read',
  'halt.write',
  'system.read',
  'public',
] as const;
export type Permission = (typeof PERMISSIONS)[number];

const OBSERVER: readonly Permission[] = [
  'plan.read',
  'approval.read',
  'execution.read',
  'incident.read',
  'playbook.read',
  'schedule.read',
  'policy.read',
  'system.read',
];
const DEVELOPER: readonly Permission[] = [...OBSERVER, 'plan.create', 'plan.cancel', 'incident.write'];
const OPERATOR: readonly Permission[] = [
  ...DEVELOPER,
  'approval.decide',
  'approval.break_glass',
  'execution.start',
  'execution.control',
  'execution.skip',
  'execution.takeover',
  'alert.receive',
  'audit.read',
  'halt.write',
  'schedule.write',
];

/** What each role may do; `public` needs no role at all. */
export const ROLE_PERMISSIONS: Readonly<Record<Role, readonly Permission[]>> = {
  anonymous: [],
  observer: OBSERVER,
  developer: DEVELOPER,
  operator: OPERATOR,
  admin: [...OPERATOR, 'playbook.write'],
};

/** Requests a minute and principal, by the strongest role. */
export const ROLE_RATE_LIMITS: Readonly<Record<Role, number>> = {
  admin: 100,
  operator: 50,
  developer: 30,
  observer: 20,
  anonymous: 5,
};

/** True when one of the actor's roles carries the permission. */
export function hasPermission(actor: Pick<Actor, 'roles'>, permission: Permission): boolean {
  return permission === 'public' || actor.roles.some((role) => ROLE_PERMISSIONS[role].includes(permission));
}
