// Servers of the test bed in a process of their own: they live as long as the channel to whoever started them, also
// when that one gives up its rights meanwhile or is killed.
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { toAppError } from '@carapulse/kernel';
import { giveAccess } from './cluster-accounts.ts';
import type { PlaygroundOrder, PlaygroundWord } from './start-playground.ts';
import { startCluster } from './start-cluster.ts';
import { startTemporal } from './start-temporal.ts';

const { directory, servers, removeAtEnd = false } = JSON.parse(process.argv[2] ?? '{}') as PlaygroundOrder;
const ending = new AbortController();
const stops: Array<() => Promise<void>> = [];
const tell = (word: PlaygroundWord): void => void process.send?.(word);
const end = async (): Promise<void> => {
  ending.abort();
  for (const stop of stops.splice(0).toReversed()) await stop();
  if (removeAtEnd) await rm(directory, { recursive: true, force: true });
  if (process.connected) process.disconnect();
};
process.once('disconnect', () => void end());
// Ctrl-C reaches the whole group; this process goes when the one that started it does.
for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => undefined);

try {
  const place = async (name: string): Promise<string> => {
    await mkdir(join(directory, name), { recursive: true, mode: 0o700 });
    return join(directory, name);
  };
  const { signal } = ending;
  const temporal = servers.includes('temporal')
    ? await startTemporal({ directory: await place('temporal'), signal })
    : null;
  if (temporal !== null) stops.push(temporal.stop);
  const cluster = servers.includes('cluster')
    ? await startCluster({ directory: await place('cluster'), signal })
    : null;
  if (cluster !== null) stops.push(cluster.stop);
  tell({
    kind: 'ready',
    temporal: temporal && { address: temporal.address },
    cluster: cluster && {
      access: await giveAccess(cluster),
      kubeconfig: cluster.kubeconfig,
      kubectl: cluster.kubectl,
      helm: cluster.helm,
    },
  });
} catch (error) {
  const { code, message } = toAppError(error);
  tell({ kind: 'failed', code, message });
  await end();
}
