import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPlayground } from '@carapulse/example-testbed';

/** A Temporal server in a process of its own, so that a test which gives up root's rights can still end it. */
export async function ownTemporal(): Promise<{
  readonly address: string;
  readonly stop: () => Promise<void>;
}> {
  const directory = await mkdtemp(join(tmpdir(), 'carapulse-temporal-'));
  const playground = await startPlayground({ directory, servers: ['temporal'] }, AbortSignal.timeout(60_000));
  if (playground.temporal === null) throw new Error('No Temporal was started.');
  return {
    address: playground.temporal.address,
    stop: async () => {
      await playground.stop();
      await rm(directory, { recursive: true, force: true }).catch(() => undefined);
    },
  };
}
