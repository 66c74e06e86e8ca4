import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startTemporal } from '@carapulse/example-testbed';

const directory = await mkdtemp(join(tmpdir(), 'carapulse-temporal-'));
const temporal = await startTemporal({ directory, signal: AbortSignal.timeout(60_000) });
process.send?.(temporal.address);
process.once('disconnect', () => {
  void temporal.stop().then(() => rm(directory, { recursive: true, force: true }));
});
