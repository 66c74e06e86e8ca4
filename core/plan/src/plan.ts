import { ContextRef, idSchema } from '@carapulse/kernel';
import { Decision, RiskLevel } from '@carapulse/policy';
import { z } from 'zod';
import { Check } from './check.ts';
import { Step } from './step.ts';

export const Trigger = z.enum(['manual', 'alert', 'drift', 'schedule', 'hook', 'workflow']);
export type Trigger = z.infer<typeof Trigger>;

/** Whether no person stands behind a plan: allowed by policy it starts by itself, and limits of automation count it. */
export function isAutomatic({ kind }: { readonly kind: Trigger }): boolean {
  return kind !== 'manual' && kind !== 'workflow';
}

export const Risk = z.strictObject({
  level: RiskLevel,
  /** The named deterministic rules that set the level, strongest first. */
  rules: z.array(z.strictObject({ rule: z.string().min(1), level: RiskLevel, reason: z.string().min(1) })),
});
export type Risk = z.infer<typeof Risk>;

export const BlastRadius = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('known'),
    resources: z.array(z.string()),
    dependents: z.array(z.string()),
  }),
  z.strictObject({ kind: z.literal('unknown'), reason: z.string().min(1), resources: z.array(z.string()) }),
]);
export type BlastRadius = z.infer<typeof BlastRadius>;

/**
 * A plan: frozen data. `plan_hash` binds every field that `PLAN_FIELDS` calls hashed; any edit of one of them
 * makes another plan. The status is not part of the plan, see `PlanStatus`.
 */
export const Plan = z.strictObject({
  format: z.literal(1),
  plan_id: idSchema('plan'),
  plan_hash: z.string().regex(/^sha256:[0-9a-f]{64}$/),
  summary: z.string().min(1).max(500),
  trigger: z.strictObject({ kind: Trigger, ref: z.string().nullable() }),
  context: ContextRef,
  /** Actor id of who asked for the plan; never among its approvers. */
  created_by: z.string().min(1),
  /** Who wrote what a machine made the plan from, a schedule; never among its approvers either. */
  authors: z.array(z.string().min(1)).min(1).max(100).optional(),
  created_at: z.iso.datetime(),
  incident_id: z.string().nullable(),
  /** The playbook or other source that proposed it and why it matched. */
  origin: z.strictObject({
    planner: z.enum(['playbook', 'workflow', 'manual', 'break_glass']),
    name: z.string().min(1),
    digest: z.string().min(1),
    because: z.array(z.string()),
  }),
  risk: Risk,
  blast_radius: BlastRadius,
  steps: z.array(Step).min(1).max(200),
  checks: z.array(Check).max(50),
  policy: Decision,
  /** The first write must start before this instant. */
  expires_at: z.iso.datetime(),
  /** Hashed ceiling on the run, from the first step to the last check, in milliseconds. */
  max_run_ms: z.int().positive(),
});
export type Plan = z.infer<typeof Plan>;
