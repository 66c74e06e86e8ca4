import { Actor, ContextRef, JsonObject } from '@carapulse/kernel';
import { z } from 'zod';
import { Constraint } from './constraint.ts';
import { Effect } from './effect.ts';

export const RiskLevel = z.enum(['low', 'medium', 'high', 'critical']);
export type RiskLevel = z.infer<typeof RiskLevel>;

/** One thing that is asked of policy. `phase` tells when: as the plan is made, as it is dispatched, before an effect. */
export const PolicyAction = z.strictObject({
  phase: z.enum(['plan', 'dispatch', 'effect', 'read']),
  kind: z.enum(['read', 'write']),
  /** `plan` for a whole plan, else the tool's name. */
  tool: z.string().min(1),
  /** `execute` for a whole plan, else the tool's action. */
  name: z.string().min(1),
  trigger: z.enum(['manual', 'alert', 'drift', 'schedule', 'hook', 'workflow']),
  break_glass: z
    .strictObject({ reason: z.string().min(1), incident_id: z.string().min(1), expires_at: z.iso.datetime() })
    .nullable(),
  rollback: z.boolean(),
  /** Free typed facts a rule may look at, e.g. the tool's input. Data, never code. */
  input: JsonObject,
});
export type PolicyAction = z.infer<typeof PolicyAction>;

/** The document a rule sees as `input` (package `policy.assistant.v1`). */
export const PolicyInput = z.strictObject({
  actor: Actor,
  action: PolicyAction,
  context: ContextRef,
  resources: z.strictObject({
    effects: z.array(Effect),
    write_steps: z.int().nonnegative(),
    services: z.array(z.string()),
    /** Resources touched and their dependents; null when the context graph does not know. */
    blast_radius: z.int().nonnegative().nullable(),
    /** False as soon as one write has no undo. */
    reversible: z.boolean(),
    previewed: z.boolean(),
  }),
  risk: z.strictObject({ level: RiskLevel, rules: z.array(z.string()) }),
  /** Instant of the question; rules derive weekday and freeze windows from it. */
  time: z.iso.datetime(),
  /** Rollout stage of the installation: 0 read-only, 1 approvals for all writes, 2 low risk auto, 3 expanded. */
  stage: z.int().min(0).max(3),
});
export type PolicyInput = z.infer<typeof PolicyInput>;

export const Decision = z.strictObject({
  decision: z.enum(['allow', 'deny', 'require_approval']),
  /** Named rules that led here, in a stable order, each with a sentence for people. Never empty. */
  reasons: z.array(z.strictObject({ rule: z.string().min(1), message: z.string().min(1) })).min(1),
  constraints: z.array(Constraint),
  /** How long the decision may be relied on, in seconds. */
  ttl_s: z.int().positive(),
  /** sha256 of the bundle that decided. */
  bundle_digest: z.string().min(1),
});
export type Decision = z.infer<typeof Decision>;

/**
 * Decides by rules. Invariants: an answer always carries at least one reason; a missing or broken bundle, an
 * undefined result, an unknown constraint or an internal failure is a `deny` whose rule is `policy_unavailable`,
 * never an exception; the bundle in force is swapped atomically.
 */
export interface Policy {
  decide(input: PolicyInput, signal: AbortSignal): Promise<Decision>;
  /** Digest of the bundle in force, or null when none could be loaded. */
  bundleDigest(): string | null;
}
