import { z } from 'zod';
import {
  isAutomated,
  isFromOneRepository,
  keyOf,
  namespacesOf,
  openOperation,
  sourcesOf,
} from './application.ts';
import type { Application } from './application.ts';
import { readApplication } from './argocd-api.ts';
import { address, argocdRead, shownAddress } from './argocd-read.ts';

const Input = z.strictObject({
  ...address,
  /** `normal` lets Argo CD look at Git and the cluster anew before it answers; `hard` also forgets what it rendered. */
  refresh: z.enum(['none', 'normal', 'hard']).default('none'),
});

const Output = z.strictObject({
  ...shownAddress,
  uid: z.string(),
  sources: z.array(
    z.strictObject({ repo: z.string(), path: z.string(), chart: z.string(), target_revision: z.string() }),
  ),
  /** False: it is of several sources or of a chart repository, and no commit says what to sync. */
  from_one_repository: z.boolean(),
  destination: z.strictObject({ server: z.string(), name: z.string(), namespace: z.string() }),
  /** The destination's and those of what the application has. */
  namespaces: z.array(z.string()),
  /** True: Argo CD syncs it by itself. */
  automated: z.boolean(),
  sync: z.strictObject({ status: z.string(), revision: z.string().nullable() }),
  health: z.strictObject({ status: z.string(), message: z.string() }),
  /** True: an operation is asked for or under way. */
  operating: z.boolean(),
  /** The last operation, or the one under way. */
  operation: z
    .strictObject({
      phase: z.string(),
      /** What it was asked to sync to, or what it found. */
      revision: z.string(),
      message: z.string(),
      started_at: z.string(),
      finished_at: z.string().nullable(),
      /** Of the step that asked for it, when it was one of ours. */
      key: z.string().nullable(),
    })
    .nullable(),
  /** When it started; null for none. */
  last_operation_at: z.string().nullable(),
  conditions: z.array(z.strictObject({ type: z.string(), message: z.string() })),
  images: z.array(z.string()),
  reconciled_at: z.string().nullable(),
});
type Output = z.infer<typeof Output>;

export const app = argocdRead<z.infer<typeof Input>, Output>({
  name: 'app',
  description: 'Sync status, health and last operation of an application',
  input: Input,
  output: Output,
  run: async (input, { api, instance }) => ({
    instance: input.instance,
    project: input.project,
    app: input.app,
    ...viewOf(await readApplication(api, instance, input, input.refresh)),
  }),
  words: ({ refresh }) => [
    'get',
    ...(refresh === 'none' ? [] : [refresh === 'hard' ? '--hard-refresh' : '--refresh']),
  ],
});

function viewOf(found: Application): Omit<Output, 'instance' | 'project' | 'app'> {
  const { metadata, spec, status } = found;
  return {
    uid: metadata.uid,
    sources: sourcesOf(found).map(({ repoURL, path, chart, targetRevision }) => ({
      repo: withoutCredentials(repoURL),
      path,
      chart,
      target_revision: targetRevision,
    })),
    from_one_repository: isFromOneRepository(found),
    destination: spec.destination,
    namespaces: [...namespacesOf(found)],
    automated: isAutomated(found),
    sync: { status: status.sync.status, revision: status.sync.revision || null },
    health: status.health,
    operating: openOperation(found) !== null,
    operation: operationOf(status.operationState),
    last_operation_at: status.operationState?.startedAt ?? null,
    conditions: status.conditions ?? [],
    images: [...(status.summary.images ?? [])].sort(),
    reconciled_at: status.reconciledAt ?? null,
  };
}

function operationOf(state: Application['status']['operationState']): Output['operation'] {
  if (state === null || state === undefined) return null;
  return {
    phase: state.phase,
    revision: state.syncResult?.revision || (state.operation.sync?.revision ?? ''),
    message: state.message,
    started_at: state.startedAt,
    finished_at: state.finishedAt ?? null,
    key: keyOf(state.operation),
  };
}

function withoutCredentials(repo: string): string {
  return repo.replace(/^([a-z+]+:\/\/)[^/@]*@/i, '$1');
}
