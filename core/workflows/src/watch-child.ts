import type { AppErrorCode, JsonObject } from '@carapulse/kernel';
import { toAppError } from '@carapulse/kernel';
import type { ChildOutcome, CommandOf, DurableEngine } from './durable-engine.ts';
import { childRunId } from './durable-engine.ts';

export interface ChildOrder {
  readonly parentRunId: string;
  readonly command: Pick<CommandOf<'child'>, 'key' | 'machine' | 'input'>;
  /** The parent has cancelled it. */
  readonly cancelled: boolean;
  /** The parent knows that it is stuck: only its end is news. */
  readonly knownStuck: boolean;
}

export interface WatchOptions {
  readonly engine: Pick<DurableEngine, 'start' | 'signal' | 'wait'>;
  /** Aborted when nobody asks any more; the child goes on. */
  readonly signal: AbortSignal;
  /** Calls back after so many milliseconds, unless the answer is called before. */
  readonly after: (ms: number, call: () => void) => () => void;
}

const CANCEL: { readonly id: string; readonly name: string; readonly payload: JsonObject } = {
  id: 'parent/cancel',
  name: 'cancel',
  payload: {},
};
const LOOK_AGAIN_MS = 1000;
const REFUSED: ReadonlySet<AppErrorCode> = new Set(['not_supported', 'payload_too_large', 'invalid_input']);

/**
 * Starts a child unless it was, passes on that it is cancelled, and says what becomes of it: the same on every engine,
 * and as often as one likes. While the engine can't be asked it is asked again. Null when the signal has aborted.
 */
export async function watchChild(order: ChildOrder, options: WatchOptions): Promise<ChildOutcome | null> {
  const { signal, after } = options;
  while (!signal.aborted) {
    const seen = await look(order, options).catch((error: unknown) => faultOf(error));
    if (seen !== null && !(seen.kind === 'stuck' && order.knownStuck)) return signal.aborted ? null : seen;
    await pauseUnless(signal, after);
  }
  return null;
}

async function look(
  { parentRunId, command, cancelled }: ChildOrder,
  { engine, signal }: WatchOptions,
): Promise<ChildOutcome | null> {
  const runId = childRunId(parentRunId, command.key);
  await engine.start(runId, command.machine, command.input);
  if (cancelled) await engine.signal(runId, CANCEL.id, CANCEL.name, CANCEL.payload);
  const status = await engine.wait(runId, signal);
  if (status.kind === 'ended' || status.kind === 'stuck') return status;
  return { kind: 'stuck', reason: `The child ${runId} is not known any more.` };
}

/** A child that can't be started is as good as stuck; whatever else there is passes, and is asked again. */
function faultOf(error: unknown): ChildOutcome | null {
  const { code, message } = toAppError(error);
  return REFUSED.has(code) ? { kind: 'stuck', reason: message } : null;
}

function pauseUnless(signal: AbortSignal, after: WatchOptions['after']): Promise<void> {
  return new Promise((resolve) => {
    const leave = (): void => {
      forget();
      signal.removeEventListener('abort', leave);
      resolve();
    };
    const forget = after(LOOK_AGAIN_MS, leave);
    if (signal.aborted) leave();
    else signal.addEventListener('abort', leave);
  });
}
