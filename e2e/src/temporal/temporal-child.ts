import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startTemporal } from '@carapulse/example-testbed';
import type { TemporalOrder, TemporalWord } from './own-temporal.ts';

const directory = await mkdtemp(join(tmpdir(), 'carapulse-temporal-'));
const start = (port?: number) =>
  startTemporal({ directory, signal: AbortSignal.timeout(60_000), ...(port !== undefined && { port }) });
const tell = (word: TemporalWord): void => void process.send?.(word);

let temporal = await start();
process.on('message', (order: TemporalOrder) => {
  void (async () => {
    if (order === 'kill') process.kill(temporal.pid, 'SIGKILL');
    await temporal.ended;
    if (order === 'revive') temporal = await start(Number(temporal.address.split(':')[1]));
    tell({ kind: 'done', order });
  })();
});
process.once('disconnect', () => {
  void temporal.stop().then(() => rm(directory, { recursive: true, force: true }));
});
tell({ kind: 'ready', address: temporal.address });
