import { z } from 'zod';

const amount = z.int().nonnegative();

/**
 * What an action does to the world, as far as constraints can judge it. Each tool action projects its input to
 * a list of these; they are hashed with the plan. A closed union: what no kind describes cannot be planned.
 * `target` is the canonical URI of what is touched (leases and allow-lists compare it by bytes).
 */
export const Effect = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('read'), target: z.string().min(1) }),
  z.strictObject({
    kind: z.literal('git_push'),
    target: z.string().min(1),
    branch: z.string().min(1),
    paths: z.array(z.string()),
    files_changed: amount,
    lines_changed: amount,
  }),
  z.strictObject({ kind: z.literal('alert_silence'), target: z.string().min(1), duration_ms: amount }),
  z.strictObject({ kind: z.literal('http_send'), target: z.string().min(1), method: z.string().min(1) }),
  z.strictObject({
    kind: z.literal('scale'),
    target: z.string().min(1),
    namespace: z.string().min(1),
    replicas: amount,
  }),
  z.strictObject({
    kind: z.literal('deploy'),
    target: z.string().min(1),
    namespace: z.string().min(1),
    images: z.array(z.string()),
  }),
  z.strictObject({ kind: z.literal('restart'), target: z.string().min(1), namespace: z.string().min(1) }),
  z.strictObject({
    kind: z.literal('apply'),
    target: z.string().min(1),
    namespace: z.string().min(1),
    images: z.array(z.string()),
  }),
  z.strictObject({
    kind: z.literal('release'),
    target: z.string().min(1),
    /** Of the objects that change; `_` stands for what lies in none. */
    namespaces: z.array(z.string().min(1)),
    objects: amount,
    secret_objects: amount,
    images: z.array(z.string()),
  }),
  z.strictObject({ kind: z.literal('cordon'), target: z.string().min(1) }),
  z.strictObject({
    kind: z.literal('node_drain'),
    target: z.string().min(1),
    namespaces: z.array(z.string().min(1)),
    pods: amount,
  }),
  z.strictObject({
    kind: z.literal('sync'),
    target: z.string().min(1),
    namespaces: z.array(z.string().min(1)),
    /** True: what is no longer in Git is removed. */
    prune: z.boolean(),
  }),
  z.strictObject({ kind: z.literal('annotation'), target: z.string().min(1) }),
  /** A pull or merge request is opened or closed; no branch changes by it. */
  z.strictObject({
    kind: z.literal('review_request'),
    target: z.string().min(1),
    change: z.enum(['open', 'close']),
  }),
  /** What a pull or merge request holds gets into `branch`. */
  z.strictObject({
    kind: z.literal('merge'),
    target: z.string().min(1),
    branch: z.string().min(1),
    commit: z.string().min(1),
  }),
]);
export type Effect = z.infer<typeof Effect>;
