import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { invoke, readLogs, type OperationContext } from '@carapulse/operations';

const PING_MS = 15_000;
const BATCH = 500;

/**
 * Writes an execution's log as server-sent events until it has ended or the client has gone. Ids are the line's
 * sequence number, so a client that comes back with `Last-Event-ID` misses and repeats nothing, across restarts too.
 */
export async function streamLogs(
  context: OperationContext,
  executionId: string,
  lastSeq: number,
  response: ServerResponse,
): Promise<void> {
  const { services, signal } = context;
  let seq = lastSeq;
  let wake = (): void => {};
  const stopLogs = services.store.onLogs((id) => id === executionId && wake());
  const stopEvents = services.store.onEvents(() => wake());
  const send = async (text: string): Promise<void> => {
    if (!response.write(text)) await once(response, 'drain', { signal });
  };
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
      if (lines.length === BATCH) continue;
      if (execution.ended_at !== null || execution.status === 'parked') {
        await send(
          `event: stream.end\ndata: ${JSON.stringify({ status: execution.status, reason: execution.status_reason })}\n\n`,
        );
        return;
      }
      const timedOut = await Promise.race([
        woken.then(() => false),
        services.sleep(PING_MS, signal).then(() => true),
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
