import { AppError } from '@carapulse/kernel';
import type { CommandOf, RunCommand, RunEvent } from './durable-engine.ts';
import type { RunSnapshot } from './run-snapshot.ts';

/**
 * What a run has asked for and not heard of yet: the same for an engine that drives it and for a replay.
 * Invariants:
 * 1. An activity is awaited until its outcome, a cancelled one too; a timer until it fires or is cancelled.
 * 2. A child is awaited until its end; that it is stuck is heard once before.
 */
export class Awaited {
  readonly activities = new Map<string, CommandOf<'activity'>>();
  readonly timers = new Map<string, number>();
  readonly children = new Map<string, CommandOf<'child'>>();
  /** Activities and children that are awaited still. */
  readonly cancelled = new Set<string>();
  /** Children that were told to be stuck. */
  readonly stuck = new Set<string>();
  /** All that was asked for since the start, or since the snapshot. */
  readonly #asked = new Map<string, RunCommand['kind']>();

  constructor(from: RunSnapshot | null) {
    if (from === null) return;
    this.take([...from.held, ...from.timers, ...(from.children ?? [])]);
    for (const key of from.cancelled) this.cancelled.add(key);
    for (const key of from.stuckChildren ?? []) this.stuck.add(key);
  }

  /** @throws AppError `internal` when a key is asked for twice. */
  take(commands: readonly RunCommand[]): void {
    for (const command of commands) {
      const { key } = command;
      if (command.kind === 'cancel') {
        this.timers.delete(key);
        if (this.activities.has(key) || this.children.has(key)) this.cancelled.add(key);
        continue;
      }
      if (this.#asked.has(key)) throw new AppError('internal', `its machine asked for ${key} twice.`);
      this.#asked.set(key, command.kind);
      if (command.kind === 'activity') this.activities.set(key, command);
      else if (command.kind === 'child') this.children.set(key, command);
      else this.timers.set(key, command.dueAtMs);
    }
  }

  /** Why this event can't stand here; null when it can. */
  faultOf(event: RunEvent): string | null {
    if (event.kind === 'signal') return null;
    // A timer may fire in the moment in which it is cancelled; its event is then journalled and not heard.
    if (event.kind === 'timer')
      return this.#asked.get(event.key) === 'timer'
        ? null
        : `is the timer ${event.key}, which this build had not armed`;
    const awaited = event.kind === 'activity' ? this.activities : this.children;
    if (awaited.has(event.key)) return null;
    return event.kind === 'activity'
      ? `answers ${event.key}, for which this build did not ask there`
      : `tells of the child ${event.key}, which this build did not start there`;
  }

  /** Takes what was heard off. False when nothing awaits it any more, and the machine doesn't hear it. */
  settle(event: RunEvent): boolean {
    switch (event.kind) {
      case 'signal':
        return true;
      case 'timer':
        return this.timers.delete(event.key);
      case 'activity':
        this.cancelled.delete(event.key);
        return this.activities.delete(event.key);
      case 'child':
        return this.#settleChild(event);
    }
  }

  #settleChild({ key, outcome }: Extract<RunEvent, { kind: 'child' }>): boolean {
    if (!this.children.has(key)) return false;
    if (outcome.kind === 'stuck') {
      if (this.stuck.has(key)) return false;
      this.stuck.add(key);
      return true;
    }
    this.stuck.delete(key);
    this.cancelled.delete(key);
    return this.children.delete(key);
  }

  /** What goes into a snapshot, but for the state. */
  snapshot(): Omit<RunSnapshot, 'state' | 'heardMs'> {
    return {
      held: [...this.activities.values()],
      cancelled: [...this.cancelled],
      timers: [...this.timers].map(([key, dueAtMs]) => ({ kind: 'timer', key, dueAtMs })),
      ...(this.children.size > 0 && { children: [...this.children.values()] }),
      ...(this.stuck.size > 0 && { stuckChildren: [...this.stuck] }),
    };
  }
}
