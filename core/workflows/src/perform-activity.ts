import type { JsonObject } from '@carapulse/kernel';
import { AppError } from '@carapulse/kernel';
import { toActivityOutcome } from './activity-outcome.ts';
import type { ActivityHandler, ActivityOutcome } from './durable-engine.ts';

export interface ActivityOrder {
  readonly runId: string;
  readonly key: string;
  readonly epoch: number;
  readonly name: string;
  readonly input: JsonObject;
  readonly timeoutMs: number;
}

export interface PerformOptions {
  /** Aborted when the run cancels the activity or the engine gives it up; its reason is what the handler is told. */
  readonly cancelled: AbortSignal;
  /** How long a handler may go on after its signal was aborted before its outcome is called unknown. */
  readonly graceMs: number;
  /** Calls back after so many milliseconds, unless the answer is called before. */
  readonly after: (ms: number, call: () => void) => () => void;
}

/**
 * Carries one activity out, the same on every engine: its time is limited, a cancelled or late one is told through its
 * signal, and one that doesn't listen ends as `outcome_unknown`. Never rejects.
 */
export function performActivity(
  handler: ActivityHandler,
  order: ActivityOrder,
  { cancelled, graceMs, after }: PerformOptions,
): Promise<ActivityOutcome> {
  const { promise, resolve } = Promise.withResolvers<ActivityOutcome>();
  const controller = new AbortController();
  const { signal } = controller;
  let forgetGrace = (): void => undefined;
  const giveUp = (): void => {
    const message = `${order.name} did not stop when told to; its effect is unknown.`;
    resolve(toActivityOutcome(new AppError('outcome_unknown', message)));
  };
  const stop = (reason: unknown): void => {
    if (signal.aborted) return;
    controller.abort(reason);
    forgetGrace = after(graceMs, giveUp);
  };
  const onCancel = (): void => stop(cancelled.reason);
  const forgetTimeout = after(order.timeoutMs, () => {
    const message = `${order.name} took more than ${order.timeoutMs} ms.`;
    stop(new AppError('timeout', message, { retryable: true }));
  });
  if (cancelled.aborted) onCancel();
  else cancelled.addEventListener('abort', onCancel, { once: true });
  void Promise.resolve()
    .then(() => handler(order.input, { runId: order.runId, key: order.key, epoch: order.epoch, signal }))
    .then((output) => resolve(okOutcome(order.name, output)))
    .catch((error: unknown) => resolve(toActivityOutcome(error)));
  return promise.finally(() => {
    forgetTimeout();
    forgetGrace();
    cancelled.removeEventListener('abort', onCancel);
  });
}

/** What the machine hears now must be what it hears on replay, so an output goes through JSON at once. */
function okOutcome(name: string, output: JsonObject): ActivityOutcome {
  try {
    return { kind: 'ok', output: JSON.parse(JSON.stringify(output)) as JsonObject };
  } catch (error) {
    return toActivityOutcome(new Error(`${name} gave an output that is not JSON: ${String(error)}`));
  }
}
