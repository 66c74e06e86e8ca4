import { canonicalJson, type JsonObject } from '@carapulse/kernel';
import { Awaited } from './awaited.ts';
import type { Machine, Transition } from './durable-engine.ts';
import { patchedOf } from './patched-of.ts';
import type { EmbeddedHistory } from './run-history.ts';

/** Whether this build leads a recorded run where it led. */
export type ReplayVerdict =
  /** `ended` is the result's status; null when the recorded run had not ended. `after`: events that are not kept. */
  | { readonly kind: 'same'; readonly events: number; readonly ended: string | null; readonly after?: number }
  | { readonly kind: 'differs'; readonly reason: string };

/**
 * Lets the machine of this build hear what a run heard. The same means: every answer was asked for where it stands,
 * every timer that fired had been armed, and the end is the recorded one. Runs nothing. A journal doesn't hold when
 * something was asked for, so what is asked for too early is not seen here; Temporal's histories hold that. A history
 * with a snapshot is heard from there: what led to it is not compared, and this build must read the state.
 */
export function replayHistory(
  machines: readonly Machine<unknown>[],
  history: EmbeddedHistory,
): ReplayVerdict {
  const machine = machines.find(({ name }) => name === history.machine);
  if (machine?.version !== history.version) {
    const has = machine === undefined ? 'has no such machine' : `has version ${machine.version}`;
    return differs(
      `it was recorded by machine ${history.machine} version ${history.version}; this build ${has}.`,
    );
  }
  const { snapshot = null } = history;
  const awaited = new Awaited(snapshot);
  let place = 'the start';
  try {
    const patched = patchedOf(machine, history.patches);
    let turn: Transition<unknown> =
      snapshot === null
        ? machine.start(history.input, history.run_id, history.started_at_ms, patched)
        : { state: snapshot.state, commands: [] };
    awaited.take(turn.commands);
    for (const [index, event] of history.events.entries()) {
      place = `event ${(snapshot?.seq ?? 0) + index + 1}`;
      const fault = turn.result === undefined ? awaited.faultOf(event) : 'comes after the end in this build';
      if (fault !== null) return differs(`${place} ${fault}.`);
      if (!awaited.settle(event)) continue;
      turn = machine.react(turn.state, event);
      awaited.take(turn.commands);
    }
    return compareEnd(history, turn);
  } catch (error) {
    return differs(`${place} fails in this build: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** How a result is called in one word. */
export function endedAs(result: JsonObject): string {
  const { status } = result;
  return typeof status === 'string' ? status : 'with a result';
}

function compareEnd({ events, result, snapshot }: EmbeddedHistory, turn: Transition<unknown>): ReplayVerdict {
  const after = `after event ${(snapshot?.seq ?? 0) + events.length}`;
  const same = { kind: 'same', events: events.length, ...(snapshot && { after: snapshot.seq }) } as const;
  if (result === null) {
    if (turn.result === undefined) return { ...same, ended: null };
    return differs(
      `${after} this build ends the run (${endedAs(turn.result)}), where the history has no end; if it was taken in the moment of its end, take it again.`,
    );
  }
  if (turn.result === undefined)
    return differs(`${after} the run ended ${endedAs(result)}; in this build it goes on.`);
  if (canonicalJson(turn.result) === canonicalJson(result)) return { ...same, ended: endedAs(result) };
  const fields = otherFields(result, turn.result).join(', ');
  return differs(
    `${after} the run ended ${endedAs(result)}; this build ends it ${endedAs(turn.result)}, with another ${fields}.`,
  );
}

function otherFields(one: JsonObject, other: JsonObject): readonly string[] {
  const same = (name: string): boolean =>
    canonicalJson(one[name] ?? null) === canonicalJson(other[name] ?? null);
  return [...new Set([...Object.keys(one), ...Object.keys(other)])].filter((name) => !same(name));
}

function differs(reason: string): ReplayVerdict {
  return { kind: 'differs', reason };
}
