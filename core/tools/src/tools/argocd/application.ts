import { z } from 'zod';

const text = z.string().default('');
const Source = z.object({ repoURL: text, path: text, chart: text, targetRevision: text });

const Operation = z.object({
  sync: z.object({ revision: text }).nullish(),
  info: z
    .array(z.object({ name: text, value: text }))
    .nullish()
    .transform((list) => list ?? []),
});
const ManagedResource = z.object({
  group: text,
  kind: z.string(),
  namespace: text,
  name: z.string(),
  status: text,
  health: z.object({ status: text, message: text }).nullish(),
  requiresPruning: z.boolean().default(false),
});
export type ManagedResource = z.infer<typeof ManagedResource>;

/** What is taken of an Application, kind of `argoproj.io/v1alpha1`. */
export const Application = z.object({
  metadata: z.object({ name: z.string(), namespace: text, uid: z.string() }),
  spec: z.object({
    project: text,
    source: Source.nullish(),
    sources: z.array(Source).nullish(),
    destination: z.object({ server: text, name: text, namespace: text }),
    syncPolicy: z.object({ automated: z.object({ enabled: z.boolean().nullish() }).nullish() }).nullish(),
  }),
  /** What was asked for and has not begun. */
  operation: Operation.nullish(),
  status: z
    .object({
      sync: z.object({ status: text, revision: text }).prefault({}),
      health: z.object({ status: text, message: text }).prefault({}),
      operationState: z
        .object({
          phase: text,
          message: text,
          startedAt: z.string(),
          finishedAt: z.string().nullish(),
          operation: Operation,
          syncResult: z.object({ revision: text }).nullish(),
        })
        .nullish(),
      conditions: z.array(z.object({ type: z.string(), message: text })).nullish(),
      summary: z.object({ images: z.array(z.string()).nullish() }).prefault({}),
      resources: z.array(ManagedResource).nullish(),
      history: z
        .array(
          z.object({
            id: z.int().default(0),
            revision: text,
            deployedAt: z.string(),
            deployStartedAt: z.string().nullish(),
            initiatedBy: z.object({ username: text, automated: z.boolean().default(false) }).prefault({}),
          }),
        )
        .nullish(),
      reconciledAt: z.string().nullish(),
    })
    .prefault({}),
});
export type Application = z.infer<typeof Application>;
export type Operation = z.infer<typeof Operation>;

/** Name under which an operation's information holds the key of the step that asked for it. */
export const KEY_INFO = 'carapulse';

const OVER: ReadonlySet<string> = new Set(['Succeeded', 'Failed', 'Error']);

export function keyOf(operation: Operation): string | null {
  return operation.info.find(({ name }) => name === KEY_INFO)?.value ?? null;
}

/** What is asked for or under way; null when the application rests. */
export function openOperation({ operation, status }: Application): Operation | null {
  if (operation !== null && operation !== undefined) return operation;
  const state = status.operationState;
  return state === null || state === undefined || OVER.has(state.phase) ? null : state.operation;
}

export function sourcesOf({ spec }: Application): ReadonlyArray<z.infer<typeof Source>> {
  if (spec.sources !== null && spec.sources !== undefined && spec.sources.length > 0) return spec.sources;
  return spec.source === null || spec.source === undefined ? [] : [spec.source];
}

/** Whether one commit says what it is to be. */
export function isFromOneRepository(application: Application): boolean {
  const sources = sourcesOf(application);
  return sources.length === 1 && sources[0]?.chart === '';
}

/** Whether Argo CD syncs it by itself, whatever anybody asks for. */
export function isAutomated({ spec }: Application): boolean {
  const automated = spec.syncPolicy?.automated;
  return automated !== null && automated !== undefined && automated.enabled !== false;
}

/** Its destination's namespace and those of what it has, sorted. */
export function namespacesOf({ spec, status }: Application): readonly string[] {
  const found = [spec.destination.namespace, ...(status.resources ?? []).map(({ namespace }) => namespace)];
  return [...new Set(found.filter((namespace) => namespace !== ''))].sort();
}
