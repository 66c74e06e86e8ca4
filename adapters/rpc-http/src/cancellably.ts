import { randomBytes } from 'node:crypto';
import type { Procedure } from '@carapulse/contract';
import { LostRpc, type RpcConnection } from './rpc-connection.ts';

interface Cancellable {
  readonly connection: RpcConnection;
  readonly cancel: Procedure<{ call_id: string }>;
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
  const giveUp = (): void => {
    timer = setTimeout(() => {
      expired = true;
      line.abort();
    }, graceMs);
    connection.call(cancel, { call_id: callId }, AbortSignal.timeout(graceMs)).catch(() => {});
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
    signal.removeEventListener('abort', giveUp);
  }
}
