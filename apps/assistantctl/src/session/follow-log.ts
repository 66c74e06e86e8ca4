import { setTimeout as delay } from 'node:timers/promises';
import { readEvents } from '@carapulse/client-http';
import { AppError } from '@carapulse/kernel';
import type { Session } from './session.ts';

export interface LogLine {
  readonly seq: number;
  readonly at: string;
  readonly step_id: string | null;
  readonly stream: 'stdout' | 'stderr' | 'event';
  readonly text: string;
}

interface StreamEnd {
  /** The token was refused from then on; a new one reads on. */
  readonly reconnect?: boolean;
}

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 5000;
/** Without `follow`, a log that is silent for so long has been read up to now. */
const IDLE_MS = 700;

/**
 * Reads a run's log from its beginning. With `follow` it stays to the end, connecting again with growing waits when
 * the server goes away, at once with a new token when the old one has expired, and goes on after the last line it has.
 * Nothing is shown twice.
 * @returns true when the run has ended or waits for a person.
 */
export async function followLog(
  session: Session,
  executionId: string,
  options: { readonly follow: boolean; readonly line: (line: LogLine) => void },
): Promise<boolean> {
  let last: string | undefined;
  let wait = FIRST_WAIT_MS;
  let lost = false;
  for (;;) {
    const idle = new AbortController();
    const rearm = (): NodeJS.Timeout | null =>
      options.follow ? null : setTimeout(() => idle.abort(), IDLE_MS);
    let timer: NodeJS.Timeout | null = null;
    let renew = false;
    try {
      const { client } = await session.connect('read');
      const response = await client.stream('streamLogs', {
        params: { execution_id: executionId },
        ...(last !== undefined && { lastEventId: last }),
        signal: AbortSignal.any([session.signal, idle.signal]),
      });
      if (lost) session.out.note('Connected again.');
      lost = false;
      wait = FIRST_WAIT_MS;
      timer = rearm();
      for await (const event of readEvents(response.body as AsyncIterable<Uint8Array>)) {
        if (timer !== null) clearTimeout(timer);
        timer = rearm();
        if (event.event === 'stream.end') {
          if (!(JSON.parse(event.data) as StreamEnd).reconnect) return true;
          renew = true;
          break;
        }
        if (event.id !== null) last = event.id;
        if (event.event === 'log') options.line(JSON.parse(event.data) as LogLine);
      }
    } catch (error) {
      if (session.signal.aborted) throw error;
      if (idle.signal.aborted) return false;
      // A connection that breaks in the middle of the body is no AppError.
      if (error instanceof AppError && !error.retryable) throw error;
      if (!options.follow) throw error;
    } finally {
      if (timer !== null) clearTimeout(timer);
    }
    if (renew) continue;
    if (!lost) session.out.note('The connection was lost; trying again until it is back or Ctrl-C.');
    lost = true;
    await delay(wait, undefined, { signal: session.signal });
    wait = Math.min(wait * 2, LONGEST_WAIT_MS);
  }
}
