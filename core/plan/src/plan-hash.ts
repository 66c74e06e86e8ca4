import { canonicalHash } from '@carapulse/kernel';
import type { Check, ToolCall } from './check.ts';
import type { Plan } from './plan.ts';
import type { Rollback, Step } from './step.ts';

/**
 * `hashed`: it can change the effect. `shown`: it is for people and the record. Each field of a hashed document is
 * classified; a field that nobody classified does not compile.
 */
export type FieldClass = 'hashed' | 'shown';
export type Classified<T> = Readonly<Record<keyof T, FieldClass>>;

export const PLAN_FIELDS = {
  format: 'hashed',
  plan_id: 'shown',
  plan_hash: 'shown',
  summary: 'shown',
  trigger: 'shown',
  context: 'hashed',
  created_by: 'shown',
  // Whoever took a name out would let that person approve their own.
  authors: 'hashed',
  created_at: 'shown',
  incident_id: 'shown',
  origin: 'shown',
  risk: 'shown',
  blast_radius: 'shown',
  steps: 'hashed',
  checks: 'hashed',
  policy: 'hashed',
  expires_at: 'hashed',
  max_run_ms: 'hashed',
} as const satisfies Classified<Plan>;

export const STEP_FIELDS = {
  step_id: 'hashed',
  title: 'shown',
  kind: 'hashed',
  call: 'hashed',
  repeat: 'hashed',
  effects: 'hashed',
  depends_on: 'hashed',
  preconditions: 'hashed',
  verify: 'hashed',
  rollback: 'hashed',
  timeout_ms: 'hashed',
  retry: 'hashed',
  preview: 'shown',
  commands: 'shown',
} as const satisfies Classified<Step>;

export const CHECK_FIELDS = {
  check_id: 'hashed',
  title: 'shown',
  call: 'hashed',
  expect: 'hashed',
  samples: 'hashed',
  must_fail_before: 'hashed',
} as const satisfies Classified<Check>;

export const CALL_FIELDS = {
  tool: 'hashed',
  action: 'hashed',
  input: 'hashed',
  bindings: 'hashed',
  definition_digest: 'hashed',
} as const satisfies Classified<ToolCall>;

const ROLLBACK_FIELDS = {
  kind: 'hashed',
  call: 'hashed',
  repeat: 'hashed',
  effects: 'hashed',
  verify: 'hashed',
  timeout_ms: 'hashed',
} as const satisfies Classified<Extract<Rollback, { kind: 'call' }>>;

export const DECISION_FIELDS = {
  decision: 'hashed',
  reasons: 'shown',
  constraints: 'hashed',
  ttl_s: 'hashed',
  bundle_digest: 'shown',
} as const satisfies Classified<Plan['policy']>;

/**
 * sha256 of the canonical JSON of everything in the plan that decides its effect. Two plans with the same effect
 * share a hash whoever asked for them and whenever, unless the rest of their authors differs; an approval therefore binds plan id and hash.
 */
export function planHash(plan: Omit<Plan, 'plan_hash'>): `sha256:${string}` {
  return canonicalHash({
    ...pick(plan, PLAN_FIELDS),
    steps: plan.steps.map(hashedStep),
    checks: plan.checks.map(hashedCheck),
    policy: pick(plan.policy, DECISION_FIELDS),
  });
}

function hashedStep(step: Step): object {
  return {
    ...pick(step, STEP_FIELDS),
    call: pick(step.call, CALL_FIELDS),
    preconditions: step.preconditions.map(hashedCheck),
    verify: step.verify.map(hashedCheck),
    rollback: hashedRollback(step.rollback),
  };
}

function hashedRollback(rollback: Rollback): object {
  if (rollback.kind !== 'call') return { kind: rollback.kind };
  return {
    ...pick(rollback, ROLLBACK_FIELDS),
    call: pick(rollback.call, CALL_FIELDS),
    verify: rollback.verify.map(hashedCheck),
  };
}

function hashedCheck(check: Check): object {
  return { ...pick(check, CHECK_FIELDS), call: pick(check.call, CALL_FIELDS) };
}

function pick(value: object, fields: Readonly<Record<string, FieldClass>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).filter(([field]) => fields[field] === 'hashed'));
}
