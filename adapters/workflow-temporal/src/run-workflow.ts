/**
 * Owner: one history of one run, inside Temporal's sandbox. Boundary: Temporal's history.
 * Invariants:
 * 1. The machine hears what the history holds, in its order; it decides nothing that the history doesn't hold.
 * 2. Before a history grows long nothing new is started; once nothing is under way, the next history takes over with
 *    the state, the timers, the children, what is still to start and which signals were seen.
 * 3. An activity that the run cancelled ends with its handler's own word: one that was given up before it could answer
 *    is asked for again under its key, cancelled from the start.
 * 4. A lost worker raises the run's epoch: what it still does is fenced where the effect happens, and what it was asked
 *    for is asked for again, under the same key and the new epoch, of a process that answers. What loses its worker again
 *    and again is unknown.
 * 5. A machine that fails, fails the workflow task, which is tried again for ever: the run waits, visibly, for a build
 *    that can go on, and is never ended by that. Nor by what Temporal would end it for: what is too large isn't sent.
 * 6. What this installation didn't seal has no effect: a signal is passed by, an order is refused, a request to cancel
 *    is not heeded, an outcome is unknown.
 */
import type { Machine } from '@carapulse/workflows';
import {
  allHandlersFinished,
  ApplicationFailure,
  CancellationScope,
  condition,
  defineSignal,
  defineUpdate,
  log,
  makeContinueAsNewFunc,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { JsonObject } from '@carapulse/kernel';
import { assertFits, RunLoop } from './run-loop.ts';
import { attributesOf } from './search-attributes.ts';
import { bytesOf, tooLarge } from './payload-size.ts';
import { assertRead, RefusedPayload } from './refused-payload.ts';
import type { Posted, RunArgument, RunOrder } from './run-order.ts';
import { DELIVER, ORDER, RUN_TYPE, TOO_LARGE } from './run-order.ts';

type Run = (argument: RunArgument) => Promise<JsonObject>;

/** Where continuing as new begins; the server suggests it too, by the size of the history. */
const LONG_HISTORY = 4000;

/**
 * The workflow `carapulseRun`, which runs these machines. An app exports it from the module that is bundled. A history
 * of `longHistory` events goes on in a new one; a bundle that is under way can't choose another number.
 */
export function runMachines(machines: readonly Machine<unknown>[], longHistory = LONG_HISTORY): Run {
  const long = (): boolean => {
    const info = workflowInfo();
    return info.continueAsNewSuggested || info.historyLength >= longHistory;
  };
  const byName = new Map(machines.map((machine) => [machine.name, machine]));
  return (argument) =>
    CancellationScope.nonCancellable(async () => {
      assertRead(argument);
      if (argument === undefined) throw new Error('it was started without an argument, not by Carapulse');
      const { machine: name, version } = argument.order;
      const machine = byName.get(name);
      if (machine?.version !== version)
        throw new Error(`this bundle has no machine ${name} of version ${version}`);
      const loop = new RunLoop(machine, argument);
      loop.begin();
      setHandler(defineSignal<[unknown]>(DELIVER), (posted) => {
        if (isPosted(posted)) loop.post(posted);
      });
      for (let tooLong = false; ;) {
        const result = loop.hearAll();
        if (result !== undefined) {
          assertFits('its result', result);
          return result;
        }
        if (long() && !tooLong && loop.quiet) {
          const next = loop.handOver();
          if (tooLarge('', next) === null) return makeContinueAsNewFunc<Run>(target(argument.order))(next);
          log.warn('A run is too large for a new history; it goes on in this one', { bytes: bytesOf(next) });
          tooLong = true;
          loop.release();
        }
        if (long() && !tooLong) loop.hold();
        // In a run that only waits, what has no effect makes the history longer too.
        await (loop.quiet && !tooLong ? condition(() => !loop.quiet || long()) : loop.stirred());
      }
    });
}

/** The workflow `carapulseMailbox`: keeps what is sent to a run before it is started. */
export function carapulseMailbox(): Promise<JsonObject> {
  return CancellationScope.nonCancellable(keepUntilOrdered);
}

async function keepUntilOrdered(): Promise<JsonObject> {
  const early: Posted[] = [];
  const orders: RunOrder[] = [];
  setHandler(defineSignal<[unknown]>(DELIVER), (posted) => {
    if (isPosted(posted)) early.push(posted);
  });
  setHandler(
    defineUpdate<'started' | 'exists', [RunOrder]>(ORDER),
    (order) => {
      orders.push(order);
      return orders.length === 1 ? 'started' : 'exists';
    },
    { validator: (order) => assertOrder(order, early) },
  );
  await condition(() => orders.length > 0 && allHandlersFinished());
  const [order] = orders;
  if (order === undefined) throw new Error('the mailbox was opened without an order');
  return makeContinueAsNewFunc<Run>(target(order))({ kind: 'new', order, early });
}

/** Only what this installation sent is heard; whatever else reached the run has no effect on it. */
function isPosted(posted: unknown): posted is Posted {
  const ours =
    !(posted instanceof RefusedPayload) &&
    typeof posted === 'object' &&
    posted !== null &&
    ['id', 'name'].every((name) => typeof (posted as Record<string, unknown>)[name] === 'string') &&
    typeof (posted as Record<string, unknown>)['payload'] === 'object' &&
    (posted as Record<string, unknown>)['payload'] !== null;
  if (ours) return true;
  const why =
    posted instanceof RefusedPayload ? posted.reason : 'It is not of the form that Carapulse sends.';
  log.warn('A signal that is not of this installation was not heard', { reason: why });
  return false;
}

/** An update that is refused leaves the mailbox as it was. */
function assertOrder(order: RunOrder | undefined, early: readonly Posted[]): void {
  assertRead(order);
  if (typeof order?.machine !== 'string' || typeof order.taskQueue !== 'string')
    throw ApplicationFailure.nonRetryable('The order is not of the form that Carapulse sends.');
  const why = tooLarge('The input of the run with the signals that came before it', { order, early });
  if (why !== null) throw ApplicationFailure.nonRetryable(why, TOO_LARGE);
}

function target({ machine, version, taskQueue }: Omit<RunOrder, 'input'>) {
  return { workflowType: RUN_TYPE, taskQueue, typedSearchAttributes: attributesOf(machine, version) };
}
