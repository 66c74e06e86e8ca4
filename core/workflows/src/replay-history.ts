import { canonicalJson, type JsonObject } from '@carapulse/kernel';
import type { Machine, RunCommand, RunEvent, Transition } from './durable-engine.ts';
import type { EmbeddedHistory } from './run-history.ts';

/** Whether this build leads a recorded run where it led. */
export type ReplayVerdict =
  /** `ended` is the result's status; null when the recorded run had not ended. */
  | { readonly kind: 'same'; readonly events: number; readonly ended: string | null }
  | { readonly kind: 'differs'; readonly reason: string };

/**
 * Lets the machine of this build hear what a run heard. The same means: every answer was asked for where it stands,
 * every timer that fired had been armed, and the end is the recorded one. Runs nothing. A journal doesn't hold when
 * something was asked for, so what is asked for too early is not seen here; Temporal's histories hold that.
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
  const asked = new Asked();
  let place = 'the start';
  try {
    let turn = machine.start(history.input, history.run_id, history.started_at_ms);
    asked.take(turn.commands);
    for (const [index, event] of history.events.entries()) {
      place = `event ${index + 1}`;
      const fault = turn.result === undefined ? asked.faultOf(event) : 'comes after the end in this build';
      if (fault !== null) return differs(`${place} ${fault}.`);
      if (!asked.settle(event)) continue;
      turn = machine.react(turn.state, event);
      asked.take(turn.commands);
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

function compareEnd({ events, result }: EmbeddedHistory, turn: Transition<unknown>): ReplayVerdict {
  const after = `after event ${events.length}`;
  if (result === null) {
    if (turn.result === undefined) return { kind: 'same', events: events.length, ended: null };
    return differs(
      `${after} this build ends the run (${endedAs(turn.result)}), where the history has no end; if it was taken in the moment of its end, take it again.`,
    );
  }
  if (turn.result === undefined)
    return differs(`${after} the run ended ${endedAs(result)}; in this build it goes on.`);
  if (canonicalJson(turn.result) === canonicalJson(result))
    return { kind: 'same', events: events.length, ended: endedAs(result) };
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

/** What the machine has asked for, as an engine keeps it. */
class Asked {
  readonly #ever = new Map<string, RunCommand['kind']>();
  readonly #awaited = new Set<string>();

  take(commands: readonly RunCommand[]): void {
    for (const { kind, key } of commands) {
      if (kind === 'cancel') {
        // An activity that was cancelled still answers; a timer is forgotten.
        if (this.#ever.get(key) === 'timer') this.#awaited.delete(key);
        continue;
      }
      if (this.#ever.has(key)) throw new Error(`its machine asked for ${key} twice.`);
      this.#ever.set(key, kind);
      this.#awaited.add(key);
    }
  }

  faultOf(event: RunEvent): string | null {
    if (event.kind === 'signal') return null;
    const known = this.#ever.get(event.key) === event.kind;
    // A timer may fire in the moment in which it is cancelled; its event is then journalled and not heard.
    if (event.kind === 'timer')
      return known ? null : `is the timer ${event.key}, which this build had not armed`;
    if (known && this.#awaited.has(event.key)) return null;
    return `answers ${event.key}, for which this build did not ask there`;
  }

  /** False when the machine does not hear it. */
  settle(event: RunEvent): boolean {
    return event.kind === 'signal' || this.#awaited.delete(event.key);
  }
}
