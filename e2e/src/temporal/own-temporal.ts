import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { missingOf, TESTBED_SERVERS } from '@carapulse/example-testbed';

export type TemporalOrder = 'kill' | 'revive' | 'backUp' | 'restore';
export type TemporalWord =
  | { readonly kind: 'ready'; readonly address: string }
  | { readonly kind: 'done'; readonly order: TemporalOrder };

export interface OwnTemporal {
  readonly address: string;
  /** SIGKILL; answers when it is gone. */
  readonly kill: () => Promise<void>;
  /** After `kill`: starts it again where it was, over what is in its file. */
  readonly revive: () => Promise<void>;
  /** After `kill`: keeps a copy of its file, then starts it again. */
  readonly backUp: () => Promise<void>;
  /** After `kill`: starts it again over the copy that was kept. */
  readonly restore: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

/** Why it can't be had here; empty when it can. @throws Error in CI, where it must be. */
export async function missingForTemporal(): Promise<readonly string[]> {
  const server = TESTBED_SERVERS['temporal'];
  const missing = server === undefined ? ['no Temporal in the test bed'] : await missingOf(server);
  if (missing.length > 0 && process.env['CI'] === 'true') throw new Error(missing.join('\n'));
  return missing;
}

/** A Temporal server in a process of its own, so that a test which gives up root's rights can still end it. */
export async function ownTemporal(): Promise<OwnTemporal> {
  const child = fork(join(import.meta.dirname, 'temporal-child.ts'), {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const ended = once(child, 'exit');
  const next = async (): Promise<TemporalWord> => {
    const [word] = (await Promise.race([once(child, 'message'), ended])) as [TemporalWord | number | null];
    if (typeof word !== 'object' || word === null)
      throw new Error(`The server's process ended with ${word}.`);
    return word;
  };
  const order = async (what: TemporalOrder): Promise<void> => {
    const answer = next();
    child.send(what);
    await answer;
  };
  const first = await next();
  if (first.kind !== 'ready') throw new Error(`The server's process began with ${first.kind}.`);
  return {
    address: first.address,
    kill: () => order('kill'),
    revive: () => order('revive'),
    backUp: () => order('backUp'),
    restore: () => order('restore'),
    stop: async () => {
      if (child.connected) child.disconnect();
      await ended;
    },
  };
}
