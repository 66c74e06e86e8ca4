/**
 * Owner: one process's hold of one run. Boundary: the journal, the activities, the clock.
 * Invariants:
 * 1. The machine hears an event only after it is journalled; on replay it hears the same events and nothing runs.
 * 2. After replay everything asked for and not yet heard of is started; a key runs once at a time.
 * 3. Once fenced, stuck or abandoned it starts nothing and writes nothing.
 * 4. Without a live lease it starts nothing.
 * 5. A timer that the machine has cancelled is neither journalled nor delivered; an activity's outcome always is.
 * 6. What it goes on with after a snapshot is what was written, so that a recovery goes on alike.
 * 7. An activity that has cost too many processes is not tried again: its outcome is unknown.
 */
import type { Clock, JsonObject } from '@carapulse/kernel';
import { AppError } from '@carapulse/kernel';
import type {
  ActivityHandler,
  ActivityOutcome,
  ChildOrder,
  ChildOutcome,
  CommandOf,
  Machine,
  RunCommand,
  RunEvent,
  RunSnapshot,
  Transition,
} from '@carapulse/workflows';
import { Awaited, patchedOf, performActivity, toActivityOutcome } from '@carapulse/workflows';
import { after } from './after.ts';
import type { RunInput } from './dbos-runs.ts';
import type { Hold, Journal, Kept, WaitingSignal } from './journal.ts';
import type { HeldRun } from './run-holds.ts';
import { RunTimers } from './run-timers.ts';
import type { RunSuspectsDeps } from './suspects.ts';
import { RunSuspects } from './suspects.ts';

export interface DriverDeps extends RunSuspectsDeps {
  readonly journal: Journal;
  readonly activities: Readonly<Record<string, ActivityHandler>>;
  readonly clock: Clock;
  /** How long an activity may go on after its signal was aborted before its outcome is called unknown. */
  readonly abortGraceMs: number;
  /** After so many events the journal is replaced by a snapshot. */
  readonly snapshotEvery: number;
  /** Starts a child unless it was and says what becomes of it; null when the signal has aborted. */
  readonly watchChild: (order: ChildOrder, signal: AbortSignal) => Promise<ChildOutcome | null>;
  /** Whether this process's lease lives, by its own monotonic clock. */
  readonly mayStart: () => boolean;
}

type Activity = CommandOf<'activity'>;
type Heard =
  | { readonly kind: 'activity'; readonly key: string; readonly outcome: ActivityOutcome }
  | { readonly kind: 'timer'; readonly key: string }
  | { readonly kind: 'child'; readonly key: string; readonly outcome: ChildOutcome }
  | { readonly kind: 'signal'; readonly signal: WaitingSignal };

/** How a drive ended. `left` means that another process, or this one under a new hold, has to go on. */
export type DriveEnd =
  | { readonly kind: 'ended'; readonly result: JsonObject }
  | { readonly kind: 'stuck'; readonly reason: string }
  | { readonly kind: 'left' };

export class RunDriver {
  readonly #deps: DriverDeps;
  readonly #runId: string;
  readonly #held: HeldRun;
  readonly #hold: Hold;
  readonly #running = new Map<string, AbortController>();
  readonly #watching = new Map<string, AbortController>();
  readonly #timers: RunTimers;
  readonly #seenSignals = new Set<number>();
  #awaited = new Awaited(null);
  readonly #suspects: RunSuspects;
  #inbox: Heard[] = [];
  #wake: (() => void) | null = null;
  /** The latest instant that the journal knows of. */
  #heardMs: number;
  /** Events that were journalled, and how many of them the next snapshot waits for. */
  #seq = 0;
  #snapshotAt: number;
  #handlers = 0;
  #draining = false;
  #left = false;

  constructor(deps: DriverDeps, held: HeldRun) {
    this.#deps = deps;
    this.#runId = held.runId;
    this.#held = held;
    this.#hold = held.hold;
    this.#suspects = new RunSuspects(deps, held);
    this.#heardMs = held.startedAtMs;
    this.#snapshotAt = deps.snapshotEvery;
    this.#timers = new RunTimers(deps.clock, (key) => this.#hear({ kind: 'timer', key }));
  }

  get hold(): Hold {
    return this.#hold;
  }

  /** True while the handler of an activity has not returned, an aborted one too. */
  get acting(): boolean {
    return this.#handlers > 0;
  }

  /** True while an activity runs or an event waits to be journalled. */
  get busy(): boolean {
    return this.#running.size > 0 || this.#inbox.length > 0;
  }

  /** Signals from the mailbox; one that was pushed before is ignored. */
  push(signals: readonly WaitingSignal[]): void {
    for (const signal of signals) {
      if (this.#seenSignals.has(signal.seq)) continue;
      this.#seenSignals.add(signal.seq);
      this.#hear({ kind: 'signal', signal });
    }
  }

  /** Starts nothing more; outcomes of what runs are still journalled. */
  drain(): void {
    this.#draining = true;
    this.#timers.stop();
    for (const controller of this.#watching.values()) controller.abort();
  }

  /** Leaves the run where it is: aborts what runs and ends `drive` with `left`. */
  leave(reason: AppError): void {
    this.#left = true;
    this.drain();
    for (const controller of this.#running.values()) controller.abort(reason);
    this.#wake?.();
  }

  async drive(machine: Machine<unknown>, input: RunInput): Promise<DriveEnd> {
    try {
      const known = await this.#lookBack();
      if (known === null) return { kind: 'left' };
      let turn = this.#replay(machine, input, known.kept);
      if (turn.result === undefined && !(await this.#judgeSuspects())) return this.#fenced();
      this.push(known.signals);
      while (turn.result === undefined) {
        if (this.#seq >= this.#snapshotAt) {
          const snapshot = await this.#compact(turn.state);
          if (snapshot === null) return this.#fenced();
          turn = { state: snapshot.state, commands: [] };
        }
        this.#launch();
        const heard = await this.#next();
        if (heard === null) return { kind: 'left' };
        const event = this.#toEvent(heard, this.#deps.clock.nowMs());
        const signalSeq = heard.kind === 'signal' ? heard.signal.seq : null;
        const { journal } = this.#deps;
        this.#seq += 1;
        const written = await journal.append(this.#runId, this.#hold, this.#seq, event, signalSeq);
        if (!written) return this.#fenced();
        this.#heardMs = Math.max(this.#heardMs, event.atMs);
        if (event.kind === 'timer') this.#timers.forget(event.key);
        if (!this.#awaited.settle(event)) continue;
        turn = machine.react(turn.state, event);
        this.#take(turn.commands);
      }
      this.leave(new AppError('cancelled', `Run ${this.#runId} has ended.`));
      return { kind: 'ended', result: turn.result };
    } catch (error) {
      const reason = `Run ${this.#runId} cannot go on: ${error instanceof Error ? error.message : String(error)}`;
      this.leave(new AppError('internal', reason));
      return { kind: 'stuck', reason };
    }
  }

  /** What the run heard before and what waits for it; null when the database can't say now. */
  async #lookBack() {
    const { journal, logger } = this.#deps;
    try {
      const kept: Kept = this.#held.fresh ? { snapshot: null, events: [] } : await journal.read(this.#runId);
      return { kept, signals: await journal.waiting([this.#runId]) };
    } catch (error) {
      if (error instanceof AppError) throw error;
      logger?.warn('A run could not be read; it is taken up again', {
        run_id: this.#runId,
        error: String(error),
      });
      return null;
    }
  }

  /** A history that another code made is refused by the name of the step where the two part. */
  #replay(
    machine: Machine<unknown>,
    { input, patches }: RunInput,
    { snapshot, events }: Kept,
  ): Transition<unknown> {
    const patched = patchedOf(machine, patches);
    this.#awaited = new Awaited(snapshot);
    this.#seq = snapshot?.seq ?? 0;
    this.#snapshotAt = this.#seq + this.#deps.snapshotEvery;
    this.#heardMs = Math.max(this.#heardMs, snapshot?.heardMs ?? 0);
    let turn =
      snapshot === null
        ? machine.start(input, this.#runId, this.#held.startedAtMs, patched)
        : { state: snapshot.state, commands: [] };
    this.#awaited.take(turn.commands);
    for (const event of events) {
      this.#seq += 1;
      this.#heardMs = Math.max(this.#heardMs, event.atMs);
      if (turn.result !== undefined) continue;
      const fault = this.#awaited.faultOf(event);
      if (fault !== null && event.kind !== 'timer')
        throw new AppError(
          'conflict',
          `event ${this.#seq} of its history ${fault}; finish it with the build that began it.`,
        );
      if (!this.#awaited.settle(event)) continue;
      turn = machine.react(turn.state, event);
      this.#awaited.take(turn.commands);
    }
    return turn;
  }

  /** The snapshot as it was written; null when the run is held otherwise now. A write that fails is tried again later. */
  async #compact(state: unknown): Promise<RunSnapshot | null> {
    const { journal, logger, snapshotEvery } = this.#deps;
    const made = { state, heardMs: this.#heardMs, ...this.#awaited.snapshot() };
    const snapshot = JSON.parse(JSON.stringify(made)) as RunSnapshot;
    this.#snapshotAt = this.#seq + snapshotEvery;
    try {
      if (!(await journal.compact(this.#runId, this.#hold, this.#seq, snapshot))) return null;
      this.#awaited = new Awaited(snapshot);
    } catch (error) {
      logger?.warn('The journal of a run could not be made shorter; it is tried again later', {
        run_id: this.#runId,
        error: String(error),
      });
    }
    return snapshot;
  }

  /** Calls unknown what has cost too many processes. False when the run has to be taken up again first. */
  async #judgeSuspects(): Promise<boolean> {
    const guilty = await this.#suspects.judge([...this.#awaited.activities.keys()]);
    if (guilty === null) return false;
    for (const [key, lost] of guilty) {
      const message = `The activity ended without an answer: it cost ${lost} processes.`;
      const outcome = toActivityOutcome(new AppError('outcome_unknown', message));
      this.#hear({ kind: 'activity', key, outcome });
    }
    return true;
  }

  #fenced(): DriveEnd {
    this.leave(new AppError('fenced', `Run ${this.#runId} is driven by another process now.`));
    return { kind: 'left' };
  }

  #take(commands: readonly RunCommand[]): void {
    this.#awaited.take(commands);
    for (const { kind, key } of commands) {
      if (kind !== 'cancel') continue;
      this.#running.get(key)?.abort(new AppError('cancelled', 'The run cancelled this activity.'));
      this.#timers.forget(key);
      // Watched anew, it is told.
      this.#watching.get(key)?.abort();
      this.#watching.delete(key);
    }
  }

  #launch(): void {
    if (this.#draining || !this.#deps.mayStart()) return;
    for (const [key, activity] of this.#awaited.activities) {
      if (!this.#running.has(key) && !this.#inbox.some((h) => h.kind === 'activity' && h.key === key)) {
        this.#run(activity);
      }
    }
    for (const [key, dueAtMs] of this.#awaited.timers) this.#timers.arm(key, dueAtMs, this.#heardMs);
    for (const [key, child] of this.#awaited.children) {
      if (!this.#watching.has(key) && !this.#inbox.some((h) => h.kind === 'child' && h.key === key))
        this.#watch(child);
    }
  }

  #run(activity: Activity): void {
    const { key } = activity;
    const handler = this.#deps.activities[activity.name];
    if (handler === undefined) {
      throw new AppError('not_supported', `no activity is called ${activity.name}; this build lacks it.`);
    }
    const controller = new AbortController();
    this.#running.set(key, controller);
    if (this.#awaited.cancelled.has(key)) {
      controller.abort(new AppError('cancelled', 'The run cancelled this activity.'));
    }
    const gone = (): boolean => this.#draining || this.#left;
    const attempt = this.#suspects.attempt(key, gone, () =>
      this.#perform(handler, activity, controller.signal),
    );
    void attempt.then((outcome) => {
      if (this.#running.get(key) !== controller) return;
      this.#running.delete(key);
      if (outcome !== null) this.#hear({ kind: 'activity', key, outcome });
      else if (!gone()) this.leave(new AppError('unavailable', `Run ${this.#runId} is taken up again.`));
    });
  }

  #perform(handler: ActivityHandler, activity: Activity, cancelled: AbortSignal): Promise<ActivityOutcome> {
    const counted: ActivityHandler = async (input, context) => {
      this.#handlers += 1;
      try {
        return await handler(input, context);
      } finally {
        this.#handlers -= 1;
      }
    };
    const order = { runId: this.#runId, epoch: this.#hold.epoch, ...activity };
    return performActivity(counted, order, { cancelled, graceMs: this.#deps.abortGraceMs, after });
  }

  #watch({ key, ...command }: CommandOf<'child'>): void {
    const controller = new AbortController();
    this.#watching.set(key, controller);
    const order: ChildOrder = {
      parentRunId: this.#runId,
      command: { key, ...command },
      cancelled: this.#awaited.cancelled.has(key),
      knownStuck: this.#awaited.stuck.has(key),
    };
    void this.#deps.watchChild(order, controller.signal).then((outcome) => {
      if (outcome === null || this.#watching.get(key) !== controller) return;
      this.#watching.delete(key);
      this.#hear({ kind: 'child', key, outcome });
    });
  }

  #hear(heard: Heard): void {
    if (this.#left) return;
    this.#inbox.push(heard);
    this.#wake?.();
  }

  async #next(): Promise<Heard | null> {
    while (!this.#left) {
      const heard = this.#inbox.shift();
      if (heard?.kind === 'timer' && !this.#awaited.timers.has(heard.key)) continue;
      if (heard !== undefined) return heard;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = null;
    }
    return null;
  }

  #toEvent(heard: Heard, atMs: number): RunEvent {
    if (heard.kind !== 'signal') return { ...heard, atMs };
    const payload = JSON.parse(heard.signal.payload) as JsonObject;
    return { kind: 'signal', name: heard.signal.name, payload, atMs };
  }
}
