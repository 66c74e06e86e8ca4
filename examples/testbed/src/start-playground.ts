import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { AppError, type AppErrorCode } from '@carapulse/kernel';
import type { ClusterAccess } from './cluster-accounts.ts';

export interface PlaygroundOrder {
  /** An existing directory; what lies in it of earlier servers is taken up again. */
  readonly directory: string;
  readonly servers: ReadonlyArray<'cluster' | 'temporal'>;
  /** Remove the directory at the end: that process can where this one, with fewer rights by then, can't. */
  readonly removeAtEnd?: boolean;
}

export interface PlaygroundFacts {
  readonly cluster: {
    /** What an installation is given of it. */
    readonly access: ClusterAccess;
    /** With full rights. */
    readonly kubeconfig: string;
    readonly kubectl: string;
    readonly helm: string;
  } | null;
  readonly temporal: { readonly address: string } | null;
}

export type PlaygroundWord =
  | ({ readonly kind: 'ready' } & PlaygroundFacts)
  | { readonly kind: 'failed'; readonly code: AppErrorCode; readonly message: string };

export interface Playground extends PlaygroundFacts {
  readonly stop: () => Promise<void>;
}

/**
 * Servers of the test bed in a process of their own, so that they outlive a change of this one's user and end with it.
 * @throws AppError `not_found` when one isn't built, with the command that builds it; `unavailable`, `cancelled`.
 */
export async function startPlayground(order: PlaygroundOrder, signal: AbortSignal): Promise<Playground> {
  const child = fork(join(import.meta.dirname, 'playground.ts'), [JSON.stringify(order)], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const ended = once(child, 'exit');
  const stop = async (): Promise<void> => {
    if (child.connected) child.disconnect();
    await ended;
  };
  const onAbort = (): void => void stop();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    const [word] = (await Promise.race([once(child, 'message'), ended])) as [PlaygroundWord | number | null];
    if (signal.aborted) throw new AppError('cancelled', 'The start of the test bed was cancelled.');
    if (typeof word !== 'object' || word === null)
      throw new AppError('unavailable', 'The test bed ended at its start.');
    if (word.kind === 'failed') throw new AppError(word.code, word.message);
    return { cluster: word.cluster, temporal: word.temporal, stop };
  } catch (error) {
    await stop();
    throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
