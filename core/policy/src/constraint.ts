import { z } from 'zod';

const patterns = z.array(z.string().min(1));

/**
 * Bounds that policy puts on an allowed action; enforced by `violatedConstraints` before approval and again
 * before each effect. A closed union: a constraint of an unknown kind denies.
 */
export const Constraint = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('quorum'), approvers: z.int().min(1), distinct_groups: z.int().min(0) }),
  z.strictObject({ kind: z.literal('approver_groups'), any_of: z.array(z.string().min(1)).min(1) }),
  z.strictObject({ kind: z.literal('min_assurance'), assurance: z.enum(['local', 'session', 'key']) }),
  z.strictObject({ kind: z.literal('approval_ttl'), max_ms: z.int().positive() }),
  z.strictObject({ kind: z.literal('allowed_targets'), patterns }),
  z.strictObject({ kind: z.literal('allowed_paths'), patterns }),
  z.strictObject({ kind: z.literal('allowed_namespaces'), namespaces: z.array(z.string().min(1)) }),
  z.strictObject({ kind: z.literal('allowed_images'), patterns }),
  z.strictObject({ kind: z.literal('max_replicas'), max: z.int().nonnegative() }),
  z.strictObject({ kind: z.literal('max_files_changed'), max: z.int().nonnegative() }),
  z.strictObject({ kind: z.literal('max_lines_changed'), max: z.int().nonnegative() }),
  z.strictObject({ kind: z.literal('max_write_steps'), max: z.int().nonnegative() }),
  z.strictObject({ kind: z.literal('max_run_time'), max_ms: z.int().positive() }),
  z.strictObject({ kind: z.literal('window'), not_before: z.iso.datetime(), not_after: z.iso.datetime() }),
  z.strictObject({ kind: z.literal('require_rollback') }),
]);
export type Constraint = z.infer<typeof Constraint>;
