import { once, type EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { invoke, readLogs, type OperationContext } from '@carapulse/operations';

const PING_MS = 15_000;
const BATCH = 500;

/**
 * Writes an execution's log as server-sent events until it has ended, the client's token is refused or the client has
 * gone. Ids are the line's sequence number, so a client that comes back with `Last-Event-ID` misses and repeats
 * nothing, across restarts too. `stream.end` tells which: with `reconnect` there is more to read, with a new token.
 */
export async function streamLogs(
  context: OperationContext,
  from: { readonly executionId: string; readonly lastSeq: number; readonly refusedFromMs: number },
  response: Pick<ServerResponse, 'write'> & EventEmitter,
): Promise<void> {
  const { services, signal } = context;
  const { executionId, refusedFromMs } = from;
  let seq = from.lastSeq;
  let wake = (): void => {};
  const stopLogs = services.store.onLogs((id) => id === executionId && wake());
  const stopEvents = services.store.onEvents(() => wake());
  const send = async (text: string): Promise<void> => {
    if (!response.write(text)) await once(response, 'drain', { signal });
  };
  const end = (data: { status: string; reason: string; reconnect: boolean }): Promise<void> =>
    send(`event: stream.end\ndata: ${JSON.stringify(data)}\n\n`);
  try {
    while (!signal.aborted) {
      const woken = new Promise<void>((resolve) => {
        wake = resolve;
      });
      const { execution, lines } = await invoke(readLogs, context, {
        execution_id: executionId,
        after_seq: seq,
        limit: BATCH,
      });
      for (const { execution_id: _id, ...line } of lines) {
        seq = line.seq;
        await send(`id: ${line.seq}\nevent: log\ndata: ${JSON.stringify(line)}\n\n`);
      }
      const more = lines.length === BATCH;
      if (!more && (execution.ended_at !== null || execution.status === 'parked')) {
        await end({ status: execution.status, reason: execution.status_reason, reconnect: false });
        return;
      }
      const leftMs = refusedFromMs - services.clock.nowMs();
      if (leftMs <= 0) {
        await end({ status: execution.status, reason: 'the token has expired', reconnect: true });
        return;
      }
      if (more) continue;
      const timedOut = await Promise.race([
        woken.then(() => false),
        services.sleep(Math.min(PING_MS, leftMs), signal).then(() => true),
      ]);
      if (timedOut) await send(': ping\n\n');
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    stopLogs();
    stopEvents();
  }
}
