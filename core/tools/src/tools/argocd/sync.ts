import { AppError } from '@carapulse/kernel';
import { z } from 'zod';
import { beforeEffect, stale } from '../../before-effect.ts';
import { DnsLabel, ObjectUid } from '../../kubernetes/kubernetes-names.ts';
import { shellLine } from '../../shell-quote.ts';
import { defineAction } from '../../tool-definition.ts';
import { isAutomated, isFromOneRepository, namespacesOf, openOperation } from './application.ts';
import type { Application } from './application.ts';
import { readApplication } from './argocd-api.ts';
import type { Runtime } from './argocd-api.ts';
import { address, appTarget, argocdTransports, openCall, shownAddress } from './argocd-read.ts';
import type { ArgocdCall } from './argocd-read.ts';
import type { ArgocdSettings } from './argocd-settings.ts';
import { hasOperationOf, observedSync } from './observed-sync.ts';

/** A sync as literals: of this very application, to this very commit. */
export const SyncInput = z.strictObject({
  ...address,
  uid: ObjectUid,
  revision: z.string().regex(/^([0-9a-f]{40}|[0-9a-f]{64})$/, 'a whole commit id, lower-case hexadecimal'),
  /** True: what is no longer in Git is removed from the cluster. */
  prune: z.boolean().default(false),
  /** All that the application may reach, as `app` tells it; constraints judge them. */
  namespaces: z.array(DnsLabel).min(1).max(100),
  /** When the last operation had started as the sync was planned; null for none. */
  last_operation_at: z.string().max(100).nullable(),
});
export type SyncInput = z.infer<typeof SyncInput>;

const Output = z.strictObject({
  ...shownAddress,
  uid: z.string(),
  revision: z.string(),
  prune: z.boolean(),
  /** By which the operation is known. */
  key: z.string(),
});
type Output = z.infer<typeof Output>;

/**
 * Asks Argo CD to sync an application to a commit, and doesn't wait for it: `app` tells how it went. The operation
 * carries the step's key, by which an interrupted attempt is read back.
 */
export const sync = defineAction<ArgocdSettings, SyncInput, Output>({
  name: 'sync',
  description: 'Syncs an application to one commit',
  kind: 'write',
  repeat: 'observable',
  revision: 1,
  input: SyncInput,
  output: Output,
  effects: (input) => [
    { kind: 'sync', target: appTarget(input), namespaces: [...input.namespaces], prune: input.prune },
  ],
  transports: argocdTransports(startSync),
  observe: async (input, runtime) => {
    const { api, instance } = openCall(runtime, input, 'http');
    return observedSync(await readApplication(api, instance, input), input, runtime.idempotencyKey);
  },
  readBack: (input, runtime) => Promise.resolve(outputOf(input, runtime)),
  // Without --project, which syncs all applications of it.
  commands: ({ app, revision, prune }) => {
    const flags = [`--revision=${revision}`, ...(prune ? ['--prune'] : []), '--async'];
    return [shellLine(['argocd', 'app', 'sync', ...flags, '--', app])];
  },
  timeoutMs: 60_000,
  maxOutputBytes: 16_000_000,
});

async function startSync(input: SyncInput, call: ArgocdCall): Promise<Output> {
  const { api, instance, runtime } = call;
  const found = await beforeEffect(`Argo CD ${instance.name}`, () => readApplication(api, instance, input));
  assertSame(found, input);
  if (hasOperationOf(found, runtime.idempotencyKey)) return outputOf(input, runtime);
  if (openOperation(found) !== null) throw busy(input, found.status.operationState?.message ?? '');
  assertSyncable(found, input);
  await ask(input, call);
  return outputOf(input, runtime);
}

async function ask(input: SyncInput, { api, instance, runtime }: ArgocdCall): Promise<void> {
  const { project, app, revision, prune } = input;
  const key = runtime.idempotencyKey;
  try {
    await api.sync({ project, app, revision, prune, key });
  } catch (error) {
    const refused = error instanceof AppError && error.details['effect'] === 'none';
    if (!refused || !/another operation is already in progress/i.test(error.message)) throw error;
    // argocd may ask again by itself after an answer that was lost: what is in the way is then ours.
    const now = await readApplication(api, instance, input).catch(() => null);
    if (now === null) throw unseen(input, error);
    if (!hasOperationOf(now, key)) throw busy(input, error.message);
  }
}

function unseen({ app }: SyncInput, cause: AppError): AppError {
  return new AppError(
    'unavailable',
    `Application ${app} is in an operation, and whose can't be read just now: ${cause.message.slice(0, 300)}`,
    { cause, retryable: true, details: { class: 'transient' } },
  );
}

/** @throws AppError `plan_stale`. */
function assertSame(found: Application, input: SyncInput): void {
  if (found.metadata.uid !== input.uid) {
    throw stale(
      'app_replaced',
      `Application ${input.app} has uid ${found.metadata.uid}, not ${input.uid}: it was made anew.`,
    );
  }
  const beyond = namespacesOf(found).find((namespace) => !input.namespaces.includes(namespace));
  if (beyond !== undefined) {
    throw stale('namespaces_differ', `Application ${input.app} has come to reach namespace ${beyond}.`);
  }
}

/** @throws AppError `not_supported`. */
function assertSyncable(found: Application, { app }: SyncInput): void {
  if (isAutomated(found)) {
    throw unsyncable(
      'syncs_itself',
      `Application ${app} is synced by Argo CD itself: a commit on its branch is the way to change it.`,
    );
  }
  if (!isFromOneRepository(found)) {
    throw unsyncable(
      'sources',
      `Application ${app} is not made from one Git repository; a commit doesn't say what to sync.`,
    );
  }
}

function unsyncable(reason: string, message: string): AppError {
  return new AppError('not_supported', message, {
    details: { class: 'permanent', effect: 'none', reason },
  });
}

function busy({ app }: SyncInput, message: string): AppError {
  return new AppError(
    'conflict',
    `Application ${app} is in another operation already: ${message.slice(0, 300) || 'it has just begun'}. ` +
      `It is not ended by us; sync again when it is over.`,
    { retryable: true, details: { class: 'conflict', effect: 'none', reason: 'operation_in_progress' } },
  );
}

function outputOf({ instance, project, app, uid, revision, prune }: SyncInput, runtime: Runtime): Output {
  return { instance, project, app, uid, revision, prune, key: runtime.idempotencyKey };
}
