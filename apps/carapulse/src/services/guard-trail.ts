import { compareTrail } from '@carapulse/audit';
import { AppError } from '@carapulse/kernel';
import { createCheckpointFile } from '@carapulse/objects-fs';
import { fenceInstallation, serviceContext, type Services, type Store } from '@carapulse/operations';
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

/** Starts a departed database fenced: nothing that was approved in it may run by itself. */
export async function fenceDeparted(
  services: Services,
  why: string,
  { paths }: Installation,
  signal: AbortSignal,
): Promise<void> {
  const closed = await fenceInstallation(serviceContext(services, 'orchestrator', signal), why);
  services.logger.error(
    `the database is not what it was: ${why}; every write is halted and ${closed} plans are closed. ` +
      'Run `carapulse audit verify` while stopped and compare what its runs did with the world; then put ' +
      `${paths.checkpoints} aside as evidence, start again, and resume`,
  );
}
