import { toTimestamp, type Clock } from '@carapulse/kernel';
import type { LogRecord, Store } from '../ports/index.ts';

type Line = Omit<LogRecord, 'seq' | 'execution_id'>;

/**
 * Writes an execution's log in batches. Owner: one activity. Invariants: lines keep their order; `flush` resolves when
 * every line given before is on disk; at most one transaction is under way.
 */
export interface LogWriter {
  line(stepId: string | null, stream: LogRecord['stream'], text: string): void;
  flush(): Promise<void>;
}

export function createLogWriter(store: Store, clock: Clock, executionId: string): LogWriter {
  let waiting: Line[] = [];
  let writing: Promise<void> = Promise.resolve();
  const drain = async (): Promise<void> => {
    if (waiting.length === 0) return;
    const batch = waiting;
    waiting = [];
    try {
      await store.transaction((tx) => tx.appendLogs(executionId, batch));
    } catch (error) {
      waiting = [...batch, ...waiting];
      throw error;
    }
  };
  const flush = (): Promise<void> => {
    writing = writing.catch(() => {}).then(drain);
    return writing;
  };
  return {
    line: (stepId, stream, text) => {
      waiting.push({ at: toTimestamp(clock.nowMs()), step_id: stepId, stream, text });
      // A failed write surfaces at the activity's own flush; this one only keeps the stream live.
      if (waiting.length === 1) flush().catch(() => {});
    },
    flush,
  };
}
