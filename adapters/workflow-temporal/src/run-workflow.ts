/**
 * Owner: one history of one run, inside Temporal's sandbox. Boundary: Temporal's history.
 * Invariants:
 * 1. The machine hears what the history holds, in its order; it decides nothing that the history doesn't hold.
 * 2. Before a history grows long nothing new is started; once nothing is under way, the next history takes over with
 *    the state, the timers, what is still to start and which signals were seen.
 * 3. An activity that the run cancelled ends with its handler's own word: one that was given up before it could answer
 *    is asked for again under its key, cancelled from the start.
 * 4. A lost worker raises the run's epoch: what it still does is fenced where the effect happens, and what it was asked
 *    for is asked for again, under the same key and the new epoch. What loses its worker again and again is unknown.
 * 5. A machine that fails, fails the workflow task, which is tried again for ever: the run waits, visibly, for a build
 *    that can go on, and is never ended by that.
 */
import type { Machine } from '@carapulse/workflows';
import {
  allHandlersFinished,
  condition,
  defineSignal,
  defineUpdate,
  makeContinueAsNewFunc,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { JsonObject } from '@carapulse/kernel';
import { RunLoop } from './run-loop.ts';
import { attributesOf } from './search-attributes.ts';
import type { Posted, RunArgument, RunOrder } from './run-order.ts';
import { DELIVER, ORDER, RUN_TYPE } from './run-order.ts';

type Run = (argument: RunArgument) => Promise<JsonObject>;

/** Where continuing as new begins; the server suggests it too, by the size of the history. */
const LONG_HISTORY = 4000;

/** The workflow `carapulseRun`, which runs these machines. An app exports it from the module that is bundled. */
export function runMachines(machines: readonly Machine<unknown>[]): Run {
  const byName = new Map(machines.map((machine) => [machine.name, machine]));
  return async (argument) => {
    const { machine: name, version } = argument.order;
    const machine = byName.get(name);
    if (machine?.version !== version)
      throw new Error(`this bundle has no machine ${name} of version ${version}`);
    const loop = new RunLoop(machine, argument);
    loop.begin();
    setHandler(defineSignal<[Posted]>(DELIVER), (posted) => loop.post(posted));
    for (;;) {
      const result = loop.hearAll();
      if (result !== undefined) return result;
      if (long() && loop.quiet) return makeContinueAsNewFunc<Run>(target(argument.order))(loop.handOver());
      if (long()) loop.hold();
      await condition(() => loop.hasNews || (long() && loop.quiet));
    }
  };
}

/** The workflow `carapulseMailbox`: keeps what is sent to a run before it is started. */
export async function carapulseMailbox(): Promise<JsonObject> {
  const early: Posted[] = [];
  const orders: RunOrder[] = [];
  setHandler(defineSignal<[Posted]>(DELIVER), (posted) => {
    early.push(posted);
  });
  setHandler(defineUpdate<'started' | 'exists', [RunOrder]>(ORDER), (order) => {
    orders.push(order);
    return orders.length === 1 ? 'started' : 'exists';
  });
  await condition(() => orders.length > 0 && allHandlersFinished());
  const [order] = orders;
  if (order === undefined) throw new Error('the mailbox was opened without an order');
  return makeContinueAsNewFunc<Run>(target(order))({ kind: 'new', order, early });
}

function target({ machine, version, taskQueue }: Omit<RunOrder, 'input'>) {
  return { workflowType: RUN_TYPE, taskQueue, typedSearchAttributes: attributesOf(machine, version) };
}

function long(): boolean {
  const info = workflowInfo();
  return info.continueAsNewSuggested || info.historyLength >= LONG_HISTORY;
}
