import { randomBytes } from 'node:crypto';
import type { Procedure } from '@carapulse/contract';
import { pause } from './pause.ts';
import { LostRpc, type RpcConnection } from './rpc-connection.ts';

/** How long the other side has to come to know a call whose cancellation has overtaken it. */
const AGAIN_MS = 100;

interface Cancellable {
  readonly connection: RpcConnection;
  readonly cancel: Procedure<{ call_id: string }, { cancelled: boolean }>;
  /** How long the other side may take to tell what became of a cancelled call; then the line is cut. */
  readonly graceMs: number;
  readonly signal: AbortSignal;
}

/**
 * Makes a call that its caller can give up: it is cancelled there, and answers what became of it.
 * @param work makes the call under the id, on a line that is cut when the signal aborts.
 * @throws LostRpc when nothing was told within the grace.
 */
export async function cancellably<T>(
  { connection, cancel, graceMs, signal }: Cancellable,
  work: (callId: string, line: AbortSignal) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  const callId = randomBytes(16).toString('hex');
  const line = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let expired = false;
  const over = new AbortController();
  // On a line of its own it may overtake the call, so it is said until the call is known there, or has ended.
  const tell = async (): Promise<void> => {
    while (!over.signal.aborted) {
      const told = await connection.call(cancel, { call_id: callId }, over.signal).catch(() => null);
      if (told?.cancelled === true) return;
      await pause(AGAIN_MS, over.signal);
    }
  };
  const giveUp = (): void => {
    timer = setTimeout(() => {
      expired = true;
      line.abort();
    }, graceMs);
    void tell();
  };
  signal.addEventListener('abort', giveUp, { once: true });
  try {
    return await work(callId, line.signal);
  } catch (error) {
    if (!expired) throw error;
    throw new LostRpc(
      `${connection.url} didn't tell in ${graceMs} ms what became of a cancelled call`,
      true,
      error,
    );
  } finally {
    clearTimeout(timer);
    over.abort();
    signal.removeEventListener('abort', giveUp);
  }
}
