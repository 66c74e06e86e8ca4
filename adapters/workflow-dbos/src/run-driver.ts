/**
 * Owner: one process's hold of one run. Boundary: the journal, the activities, the clock.
 * Invariants:
 * 1. The machine hears an event only after it is journalled; on replay it hears the same events and nothing runs.
 * 2. After replay everything asked for and not yet heard of is started; a key runs once at a time.
 * 3. Once fenced, stuck or abandoned it starts nothing and writes nothing.
 * 4. Without a live lease it starts nothing.
 * 5. An event for a timer that the machine has cancelled is not delivered; an activity's outcome always is.
 */
import type { Clock, JsonObject, Logger } from '@carapulse/kernel';
import { AppError } from '@carapulse/kernel';
import type { ActivityHandler, ActivityOutcome, Machine, RunCommand, RunEvent } from '@carapulse/workflows';
import { performActivity } from '@carapulse/workflows';
import type { Hold, Journal, WaitingSignal } from './journal.ts';
import type { HeldRun } from './run-holds.ts';

export interface DriverDeps {
  readonly journal: Journal;
  readonly activities: Readonly<Record<string, ActivityHandler>>;
  readonly clock: Clock;
  readonly logger: Logger | undefined;
  /** How long an activity may go on after its signal was aborted before its outcome is called unknown. */
  readonly abortGraceMs: number;
  /** Whether this process's lease lives, by its own monotonic clock. */
  readonly mayStart: () => boolean;
}

type Activity = Extract<RunCommand, { kind: 'activity' }>;
type Heard =
  | { readonly kind: 'activity'; readonly key: string; readonly outcome: ActivityOutcome }
  | { readonly kind: 'timer'; readonly key: string }
  | { readonly kind: 'signal'; readonly signal: WaitingSignal };

/** How a drive ended. `left` means that another process, or this one under a new hold, has to go on. */
export type DriveEnd =
  | { readonly kind: 'ended'; readonly result: JsonObject }
  | { readonly kind: 'stuck'; readonly reason: string }
  | { readonly kind: 'left' };

const MAX_TIMER_MS = 30_000;

export class RunDriver {
  readonly #deps: DriverDeps;
  readonly #runId: string;
  readonly #held: HeldRun;
  readonly #hold: Hold;
  readonly #asked = new Set<string>();
  readonly #activities = new Map<string, Activity>();
  readonly #running = new Map<string, AbortController>();
  readonly #timers = new Map<string, number>();
  readonly #armed = new Map<string, NodeJS.Timeout>();
  readonly #seenSignals = new Set<number>();
  readonly #cancelled = new Set<string>();
  #inbox: Heard[] = [];
  #wake: (() => void) | null = null;
  /** The latest instant that the journal knows of. */
  #heardMs = 0;
  #handlers = 0;
  #draining = false;
  #left = false;

  constructor(deps: DriverDeps, held: HeldRun) {
    this.#deps = deps;
    this.#runId = held.runId;
    this.#held = held;
    this.#hold = held.hold;
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
    for (const timer of this.#armed.values()) clearTimeout(timer);
  }

  /** Leaves the run where it is: aborts what runs and ends `drive` with `left`. */
  leave(reason: AppError): void {
    this.#left = true;
    this.drain();
    for (const controller of this.#running.values()) controller.abort(reason);
    this.#wake?.();
  }

  async drive<State>(machine: Machine<State>, input: JsonObject): Promise<DriveEnd> {
    const { journal, clock } = this.#deps;
    const { startedAtMs } = this.#held;
    const known = await this.#lookBack();
    if (known === null) return { kind: 'left' };
    try {
      this.#heardMs = startedAtMs;
      let turn = machine.start(input, this.#runId, startedAtMs);
      let seq = 0;
      this.#take(turn.commands);
      for (const event of known.events) {
        seq += 1;
        this.#heardMs = Math.max(this.#heardMs, event.atMs);
        if (turn.result !== undefined) continue;
        this.#assertAsked(event);
        if (!this.#settle(event)) continue;
        turn = machine.react(turn.state, event);
        this.#take(turn.commands);
      }
      this.push(known.signals);
      while (turn.result === undefined) {
        this.#launch();
        const heard = await this.#next();
        if (heard === null) return { kind: 'left' };
        const event = this.#toEvent(heard, clock.nowMs());
        const signalSeq = heard.kind === 'signal' ? heard.signal.seq : null;
        seq += 1;
        const written = await journal.append(this.#runId, this.#hold, seq, event, signalSeq);
        if (!written) {
          this.leave(new AppError('fenced', `Run ${this.#runId} is driven by another process now.`));
          return { kind: 'left' };
        }
        if (!this.#settle(event)) continue;
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
      const events = this.#held.fresh ? [] : await journal.events(this.#runId);
      return { events, signals: await journal.waiting([this.#runId]) };
    } catch (error) {
      logger?.warn('A run could not be read; it is taken up again', {
        run_id: this.#runId,
        error: String(error),
      });
      return null;
    }
  }

  /** A history that another code made is refused by the name of the step where the two part. */
  #assertAsked(event: RunEvent): void {
    if (event.kind !== 'activity' || this.#activities.has(event.key)) return;
    throw new AppError(
      'conflict',
      `its history holds an answer to ${event.key}, for which this build did not ask there; finish it with the build that began it.`,
    );
  }

  #take(commands: readonly RunCommand[]): void {
    for (const command of commands) {
      if (command.kind === 'cancel') {
        this.#running.get(command.key)?.abort(new AppError('cancelled', 'The run cancelled this activity.'));
        if (this.#activities.has(command.key)) this.#cancelled.add(command.key);
        this.#forgetTimer(command.key);
        continue;
      }
      if (this.#asked.has(command.key)) {
        throw new AppError('internal', `its machine asked for ${command.key} twice.`);
      }
      this.#asked.add(command.key);
      if (command.kind === 'activity') this.#activities.set(command.key, command);
      else this.#timers.set(command.key, command.dueAtMs);
    }
  }

  /** Takes a delivered event off what is awaited. False when nothing awaits it any more. */
  #settle(event: RunEvent): boolean {
    if (event.kind === 'signal') return true;
    return event.kind === 'activity' ? this.#activities.delete(event.key) : this.#forgetTimer(event.key);
  }

  #forgetTimer(key: string): boolean {
    clearTimeout(this.#armed.get(key));
    this.#armed.delete(key);
    return this.#timers.delete(key);
  }

  #launch(): void {
    if (this.#draining || !this.#deps.mayStart()) return;
    for (const [key, activity] of this.#activities) {
      if (!this.#running.has(key) && !this.#inbox.some((h) => h.kind === 'activity' && h.key === key)) {
        this.#run(activity);
      }
    }
    for (const [key, dueAtMs] of this.#timers) if (!this.#armed.has(key)) this.#arm(key, dueAtMs);
  }

  /** A clock that is set back puts a timer off by no more than was left of it by what the journal has heard. */
  #arm(key: string, dueAtMs: number): void {
    const { clock } = this.#deps;
    const endMs = clock.monotonicMs() + Math.max(0, dueAtMs - Math.max(clock.nowMs(), this.#heardMs));
    const leftMs = (): number => Math.min(dueAtMs - clock.nowMs(), endMs - clock.monotonicMs());
    const wait = (ms: number): void => {
      this.#armed.set(key, setTimeout(look, Math.min(Math.max(0, Math.ceil(ms)), MAX_TIMER_MS)));
    };
    const look = (): void => {
      const ms = leftMs();
      if (ms <= 0) this.#hear({ kind: 'timer', key });
      else wait(ms);
    };
    wait(leftMs());
  }

  #run(activity: Activity): void {
    const handler = this.#deps.activities[activity.name];
    if (handler === undefined) {
      throw new AppError('not_supported', `no activity is called ${activity.name}; this build lacks it.`);
    }
    const controller = new AbortController();
    this.#running.set(activity.key, controller);
    if (this.#cancelled.has(activity.key)) {
      controller.abort(new AppError('cancelled', 'The run cancelled this activity.'));
    }
    const counted: ActivityHandler = async (input, context) => {
      this.#handlers += 1;
      try {
        return await handler(input, context);
      } finally {
        this.#handlers -= 1;
      }
    };
    const order = { runId: this.#runId, epoch: this.#hold.epoch, ...activity };
    const options = { cancelled: controller.signal, graceMs: this.#deps.abortGraceMs, after };
    void performActivity(counted, order, options).then((outcome) => {
      if (this.#running.get(activity.key) !== controller) return;
      this.#running.delete(activity.key);
      this.#hear({ kind: 'activity', key: activity.key, outcome });
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

function after(ms: number, call: () => void): () => void {
  const timer = setTimeout(call, Math.min(ms, 2_147_483_647));
  return () => clearTimeout(timer);
}
