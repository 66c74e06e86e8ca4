import { compareTrail } from '@carapulse/audit';
import { AppError } from '@carapulse/kernel';
import { createCheckpointFile } from '@carapulse/objects-fs';
import {
  fenceInstallation,
  findLostHistory,
  finishRun,
  pauseRestoredSchedules,
  serviceContext,
  type Services,
  type Store,
} from '@carapulse/operations';
import type { Installation } from '../installation/open-installation.ts';

/**
 * Holds the database against what the installation vouched for outside it.
 * @returns why it is not a continuation of that, or null when it is.
 * @throws AppError `conflict` when it is the database of another installation.
 */
export async function findDeparture(
  store: Store,
  { auditKey, checkpointKey, paths }: Installation,
  signal: AbortSignal,
): Promise<string | null> {
  // Before the head: another process may write records and vouch for them between the two.
  const kept = await createCheckpointFile(paths.checkpoints).list(signal);
  const state = await compareTrail({
    head: await store.read.auditHead(),
    rowAt: async (seq) => (await store.read.audit(null, seq - 1, 1))[0] ?? null,
    checkpoints: kept,
    key: auditKey,
    publicKey: { keyId: checkpointKey.keyId, pem: checkpointKey.publicKeyPem },
  });
  if (state.kind === 'continues') return null;
  if (state.kind === 'departed') return state.why;
  throw new AppError(
    'conflict',
    `The database belongs to another installation, or was rewritten: its records were made under the key ${state.keyId || '(none)'}, ${paths.keys} holds ${auditKey.keyId}. ` +
      'Put database and keys of one installation together, or start a new one with --directory.',
  );
}

/** Why this installation starts fenced, and the way out; null when its memories are of one time. */
export interface Fence {
  readonly why: string;
  readonly next: string;
}

/**
 * Fences an installation whose database, or whose durable engine, was restored from an older state: nothing that was
 * approved in it may run by itself. `departure` is what `findDeparture` found.
 */
export async function fenceRestored(
  services: Services,
  departure: string | null,
  { paths }: Installation,
  engineIsElsewhere: boolean,
  signal: AbortSignal,
): Promise<Fence | null> {
  const lost = engineIsElsewhere ? await findLostHistory(services) : null;
  const why = departure ?? lost?.why ?? null;
  if (why === null) return null;
  const context = serviceContext(services, 'orchestrator', signal);
  const closed = await fenceInstallation(context, why);
  // Where the engine alone is the older one, the database knows what its schedules did.
  const paused = departure === null ? 0 : await pauseRestoredSchedules(context, departure);
  for (const { execution_id: id } of lost?.executions ?? []) {
    const reason =
      'The durable engine has lost what its run did: compare with the world, and finish by hand.';
    await finishRun(services, id, { status: 'failed', reason, code: 'outcome_unknown' }, signal);
  }
  const next =
    departure === null
      ? 'the named runs have ended as failed; compare what they did with the world, then resume'
      : `run \`carapulse audit verify\` while stopped and compare what its runs did with the world; then put ${paths.checkpoints} aside as evidence, start again, and resume; \`assistantctl schedule list\` tells which schedules are paused`;
  services.logger.error(
    `this installation is not what it was: ${why}; every write is halted (plans closed: ${closed}, schedules paused: ${paused}). Next: ${next}`,
  );
  return { why, next };
}
