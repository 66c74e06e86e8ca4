import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/**
 * A Temporal server of a process of its own, so that a test which gives up root's rights meanwhile can still end it.
 */
export async function ownTemporal(): Promise<{
  readonly address: string;
  readonly stop: () => Promise<void>;
}> {
  const child = fork(join(import.meta.dirname, 'server-child.ts'), {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const ended = once(child, 'exit');
  const first = (await Promise.race([once(child, 'message'), ended])) as [unknown];
  if (typeof first[0] !== 'string') throw new Error(`The Temporal server ended with ${String(first[0])}.`);
  return {
    address: first[0],
    stop: async () => {
      child.disconnect();
      await ended;
    },
  };
}
