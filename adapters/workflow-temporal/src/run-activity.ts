import type { ActivityHandler, ActivityOutcome } from '@carapulse/workflows';
import { performActivity } from '@carapulse/workflows';
import { AppError } from '@carapulse/kernel';
import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { after } from './after.ts';
import type { Work, WorkOrder } from './run-order.ts';
import { WORKER_CLOSING } from './run-order.ts';

/**
 * A handler as Temporal calls it. The outcome is always a value; it throws only when this process is closing, and then
 * the run gives the activity to another worker, under the same key.
 */
export function toWork(name: string, handler: ActivityHandler, closing: AbortSignal): Work {
  return async (order: WorkOrder): Promise<ActivityOutcome> => {
    const { info, cancellationSignal, heartbeat } = Context.current();
    const cancel = new AbortController();
    const onCancel = (): void => cancel.abort(new AppError('cancelled', 'The run cancelled this activity.'));
    const leaving = Promise.withResolvers<null>();
    const onClose = (): void => {
      cancel.abort(new AppError('cancelled', 'The engine is closing; the run goes on when it starts again.'));
      leaving.resolve(null);
    };
    if (order.cancelled || cancellationSignal.aborted) onCancel();
    cancellationSignal.addEventListener('abort', onCancel, { once: true });
    if (closing.aborted) onClose();
    closing.addEventListener('abort', onClose, { once: true });
    const beat = setInterval(() => heartbeat(), Math.max(50, (info.heartbeatTimeoutMs ?? 10_000) / 4));
    try {
      const performed = performActivity(
        handler,
        { ...order, runId: info.workflowExecution?.workflowId ?? '', name },
        { cancelled: cancel.signal, graceMs: order.abortGraceMs, after },
      );
      const outcome = await Promise.race([performed, leaving.promise]);
      if (outcome === null) throw ApplicationFailure.nonRetryable('This worker is closing.', WORKER_CLOSING);
      return outcome;
    } finally {
      clearInterval(beat);
      cancellationSignal.removeEventListener('abort', onCancel);
      closing.removeEventListener('abort', onClose);
    }
  };
}
