import { copyFile, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startTemporal } from '@carapulse/example-testbed';
import type { TemporalOrder, TemporalWord } from './own-temporal.ts';

const directory = await mkdtemp(join(tmpdir(), 'carapulse-temporal-'));
const backup = await mkdtemp(join(tmpdir(), 'carapulse-temporal-backup-'));
const start = (port?: number) =>
  startTemporal({ directory, signal: AbortSignal.timeout(60_000), ...(port !== undefined && { port }) });
const tell = (word: TemporalWord): void => void process.send?.(word);
/** SQLite's file and what it has written beside it. */
const copy = async (from: string, to: string): Promise<void> => {
  const isData = (name: string): boolean => name.startsWith('temporal.db');
  for (const name of (await readdir(to)).filter(isData)) await rm(join(to, name));
  for (const name of (await readdir(from)).filter(isData)) await copyFile(join(from, name), join(to, name));
};

let temporal = await start();
process.on('message', (order: TemporalOrder) => {
  void (async () => {
    if (order === 'kill') process.kill(temporal.pid, 'SIGKILL');
    await temporal.ended;
    if (order === 'backUp') await copy(directory, backup);
    if (order === 'restore') await copy(backup, directory);
    if (order !== 'kill') temporal = await start(Number(temporal.address.split(':')[1]));
    tell({ kind: 'done', order });
  })();
});
process.once('disconnect', () => {
  void temporal.stop().then(async () => {
    for (const each of [directory, backup]) await rm(each, { recursive: true, force: true });
  });
});
tell({ kind: 'ready', address: temporal.address });
