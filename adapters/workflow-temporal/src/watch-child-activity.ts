import type { ChildOrder, ChildOutcome, DurableEngine } from '@carapulse/workflows';
import { watchChild } from '@carapulse/workflows';
import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { after } from './after.ts';
import type { WatchChild } from './run-order.ts';
import { WORKER_CLOSING } from './run-order.ts';

type Engine = Pick<DurableEngine, 'start' | 'signal' | 'wait'>;

/**
 * How Temporal has a child watched. It has no effect but the child's start and its cancel, both once by their ids, so it
 * is tried again, here or elsewhere, until there is news.
 */
export function toWatch(engine: Engine, closing: AbortSignal): WatchChild {
  return async (order: ChildOrder): Promise<ChildOutcome> => {
    const { info, cancellationSignal, heartbeat } = Context.current();
    const signal = AbortSignal.any([cancellationSignal, closing]);
    const beat = setInterval(() => heartbeat(), Math.max(50, (info.heartbeatTimeoutMs ?? 10_000) / 4));
    try {
      const outcome = await watchChild(order, { engine, signal, after });
      if (outcome !== null) return outcome;
      throw ApplicationFailure.retryable('Nobody watches here any more.', WORKER_CLOSING);
    } finally {
      clearInterval(beat);
    }
  };
}
