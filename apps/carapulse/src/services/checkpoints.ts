import { createCheckpointer, runCheckpointer } from '@carapulse/audit';
import { toAppError } from '@carapulse/kernel';
import { createCheckpointFile } from '@carapulse/objects-fs';
import type { Store } from '@carapulse/operations';
import type { Installation } from '../installation/open-installation.ts';
import type { StartOptions } from './start-options.ts';

/** Vouches for the audit chain outside the database, at least each second while it grows. */
export function startCheckpoints(
  options: StartOptions,
  installation: Installation,
  store: Store,
  signal: AbortSignal,
) {
  let fault: string | null = null;
  const checkpointer = createCheckpointer({
    key: installation.auditKey,
    source: {
      head: () => store.read.auditHead(),
      macAt: async (seq) => (await store.read.audit(null, seq - 1, 1))[0]?.mac ?? null,
    },
    signer: installation.checkpointKey,
    store: createCheckpointFile(installation.paths.checkpoints),
    clock: options.clock,
  });
  const done = runCheckpointer(checkpointer, {
    sleep: options.sleep,
    signal,
    finalSignal: AbortSignal.timeout(2_147_483_647),
    onError: (error) => {
      fault = toAppError(error).message;
      options.logger.error('no checkpoint could be written', { cause: fault });
    },
  });
  return {
    done,
    ok: () => fault === null || (checkpointer.exposureMs() ?? Number.POSITIVE_INFINITY) < 5000,
    detail: () =>
      fault ?? `records are unprotected for at most ${Math.round(checkpointer.exposureMs() ?? 0)} ms`,
  };
}
