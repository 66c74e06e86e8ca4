import type { JsonObject } from '@carapulse/kernel';
import type { ActivityOutcome, Machine, RunCommand, RunEvent, Transition } from '@carapulse/workflows';
import {
  ActivityFailure,
  ApplicationFailure,
  TimeoutFailure,
  CancellationScope,
  isCancellation,
  proxyActivities,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import { tooLarge } from './payload-size.ts';
import { RefusedPayload } from './refused-payload.ts';
import type { ActivityCommand, Posted, RunArgument, RunOrder, TimerCommand, Work } from './run-order.ts';
import { WORKER_CLOSING } from './run-order.ts';

type Heard =
  | { readonly kind: 'activity'; readonly key: string; readonly outcome: ActivityOutcome }
  | { readonly kind: 'timer'; readonly key: string }
  | { readonly kind: 'signal'; readonly posted: Posted };

/** Room for the answer to reach the server after the worker has called an activity late. */
const ANSWER_MS = 10_000;
/** An activity that costs so many workers is called unknown rather than given to one more. */
const LOST_AT_MOST = 5;

/** The machine of one run and all that it waits for. See run-workflow.ts for the invariants. */
export class RunLoop {
  readonly #machine: Machine<unknown>;
  readonly #argument: RunArgument;
  readonly #runId = workflowInfo().workflowId;
  readonly #asked = new Set<string>();
  readonly #running = new Map<string, CancellationScope>();
  readonly #timers = new Map<string, { readonly dueAtMs: number; readonly scope: CancellationScope }>();
  readonly #held = new Map<string, ActivityCommand>();
  readonly #cancelled = new Set<string>();
  readonly #lost: Map<string, number>;
  readonly #seenSignals: Set<string>;
  #inbox: Heard[] = [];
  #holding = false;
  #turn: Transition<unknown>;
  #heardMs: number;
  #epoch: number;

  constructor(machine: Machine<unknown>, argument: RunArgument) {
    this.#machine = machine;
    this.#argument = argument;
    this.#seenSignals = new Set(argument.kind === 'new' ? [] : argument.seenSignals);
    this.#heardMs = argument.kind === 'new' ? Date.now() : argument.heardMs;
    this.#epoch = argument.kind === 'new' ? 1 : argument.epoch;
    this.#lost = new Map(Object.entries(argument.kind === 'new' ? {} : argument.lost));
    this.#turn =
      argument.kind === 'new'
        ? machine.start(argument.order.input, this.#runId, this.#heardMs)
        : { state: argument.state, commands: [] };
  }

  /** Starts what the argument asks for. */
  begin(): void {
    if (this.#argument.kind === 'new') {
      this.#take(this.#turn.commands);
      for (const posted of this.#argument.early) this.post(posted);
      return;
    }
    for (const key of this.#argument.cancelled) this.#cancelled.add(key);
    this.#take([...this.#argument.held, ...this.#argument.timers]);
  }

  get hasNews(): boolean {
    return this.#inbox.length > 0;
  }

  /** True while nothing is under way and nothing waits to be heard: the history can end here. */
  get quiet(): boolean {
    return this.#running.size === 0 && this.#inbox.length === 0;
  }

  /** A signal, once by its id. */
  post(posted: Posted): void {
    if (this.#seenSignals.has(posted.id)) return;
    this.#seenSignals.add(posted.id);
    this.#inbox.push({ kind: 'signal', posted });
  }

  /** Lets the machine hear all that waits; the result when it has ended. */
  hearAll(): JsonObject | undefined {
    for (let heard = this.#inbox.shift(); heard !== undefined; heard = this.#inbox.shift()) {
      if (this.#turn.result !== undefined) break;
      if (!this.#settle(heard)) continue;
      this.#turn = this.#machine.react(this.#turn.state, this.#toEvent(heard));
      this.#take(this.#turn.commands);
    }
    return this.#turn.result;
  }

  /** From now on activities are kept for the next history. */
  hold(): void {
    this.#holding = true;
  }

  /** There is no next history: what was kept for it is started here. */
  release(): void {
    this.#holding = false;
    const held = [...this.#held.values()];
    this.#held.clear();
    for (const command of held) this.#launch(command, this.#cancelled.has(command.key));
  }

  /** What the next history needs. */
  handOver(): RunArgument {
    const { machine, version, taskQueue, limits } = this.#argument.order;
    return {
      kind: 'continued',
      order: { machine, version, taskQueue, limits },
      state: this.#turn.state,
      heardMs: this.#heardMs,
      epoch: this.#epoch,
      lost: Object.fromEntries([...this.#lost].filter(([key]) => this.#held.has(key))),
      seenSignals: [...this.#seenSignals],
      held: [...this.#held.values()],
      cancelled: [...this.#cancelled].filter((key) => this.#held.has(key)),
      timers: [...this.#timers].map(([key, { dueAtMs }]): TimerCommand => ({ kind: 'timer', key, dueAtMs })),
    };
  }

  #take(commands: readonly RunCommand[]): void {
    for (const command of commands) {
      if (command.kind === 'cancel') {
        this.#cancel(command.key);
        continue;
      }
      if (this.#asked.has(command.key)) throw new Error(`its machine asked for ${command.key} twice.`);
      this.#asked.add(command.key);
      if (command.kind === 'timer') this.#arm(command);
      else if (this.#holding) this.#held.set(command.key, command);
      else this.#launch(command, this.#cancelled.has(command.key));
    }
  }

  #cancel(key: string): void {
    if (this.#held.has(key)) this.#cancelled.add(key);
    this.#running.get(key)?.cancel();
    this.#timers.get(key)?.scope.cancel();
    this.#timers.delete(key);
  }

  /** Takes a delivered event off what is awaited. False when nothing awaits it any more. */
  #settle(heard: Heard): boolean {
    if (heard.kind === 'signal') return true;
    return heard.kind === 'timer' ? this.#timers.delete(heard.key) : true;
  }

  #arm({ key, dueAtMs }: TimerCommand): void {
    const scope = new CancellationScope();
    this.#timers.set(key, { dueAtMs, scope });
    const fired = scope.run(() => sleep(Math.max(1, dueAtMs - Date.now())));
    void fired.then(
      () => this.#inbox.push({ kind: 'timer', key }),
      () => undefined,
    );
  }

  #launch(command: ActivityCommand, cancelled: boolean): void {
    assertFits(`the input of ${command.key}`, command.input);
    const scope = new CancellationScope({ cancellable: !cancelled });
    const epoch = this.#epoch;
    this.#running.set(command.key, scope);
    const { limits } = this.#argument.order;
    const answer = scope.run(() => work(command, limits, epoch, cancelled));
    void answer.then(
      (outcome) => {
        if (outcome instanceof RefusedPayload) return this.#giveUp(command.key, outcome.reason);
        const fenced = outcome.kind === 'failed' && outcome.code === 'fenced' && epoch < this.#epoch;
        if (fenced) return this.#launch(command, cancelled || scope.consideredCancelled);
        this.#running.delete(command.key);
        this.#inbox.push({ kind: 'activity', key: command.key, outcome });
      },
      (error: unknown) => this.#launchAgain(command, cancelled || scope.consideredCancelled, epoch, error),
    );
  }

  /** Its worker was lost, is closing, or never had it: whoever takes it now carries a higher epoch. */
  #launchAgain(command: ActivityCommand, cancelled: boolean, epoch: number, error: unknown): void {
    const cause = error instanceof ActivityFailure ? error.cause : error;
    const closing = cause instanceof ApplicationFailure && cause.type === WORKER_CLOSING;
    const lost = cause instanceof TimeoutFailure;
    const times = (this.#lost.get(command.key) ?? 0) + (lost ? 1 : 0);
    this.#lost.set(command.key, times);
    if (times >= LOST_AT_MOST) return this.#giveUp(command.key, `it cost ${times} workers`);
    if (!closing && !lost && !isCancellation(error)) return this.#giveUp(command.key, String(cause));
    if ((closing || lost) && epoch === this.#epoch) this.#epoch += 1;
    this.#launch(command, cancelled);
  }

  /** What ended without its handler's word may or may not have had an effect. */
  #giveUp(key: string, why: string): void {
    const message = `The activity ended without an answer: ${why}`;
    this.#running.delete(key);
    this.#inbox.push({
      kind: 'activity',
      key,
      outcome: {
        kind: 'failed',
        code: 'outcome_unknown',
        message,
        errorClass: 'unknown',
        retryAfterMs: null,
      },
    });
  }

  #toEvent(heard: Heard): RunEvent {
    this.#heardMs = Math.max(this.#heardMs, Date.now());
    const atMs = this.#heardMs;
    if (heard.kind !== 'signal') return { ...heard, atMs };
    return { kind: 'signal', name: heard.posted.name, payload: heard.posted.payload, atMs };
  }
}

/** @throws an Error, by which the run waits visibly, where Temporal would end it. */
export function assertFits(what: string, value: unknown): void {
  const why = tooLarge(what, value);
  if (why !== null) throw new Error(why);
}

/** Asks a worker for one activity, once: who asks again does so under another epoch. */
function work(
  { key, name, input, timeoutMs }: ActivityCommand,
  { heartbeatMs, abortGraceMs }: RunOrder['limits'],
  epoch: number,
  cancelled: boolean,
): Promise<ActivityOutcome | RefusedPayload> {
  const activities = proxyActivities<Record<string, Work>>({
    activityId: epoch === 1 && !cancelled ? key : `${key} (epoch ${epoch}${cancelled ? ', cancelled' : ''})`,
    startToCloseTimeout: timeoutMs + abortGraceMs + ANSWER_MS,
    heartbeatTimeout: heartbeatMs,
    cancellationType: 'WAIT_CANCELLATION_COMPLETED',
    retry: { maximumAttempts: 1 },
  });
  const ask = activities[name];
  if (ask === undefined) throw new Error(`no activity is called ${name}`);
  return ask({ key, input, timeoutMs, abortGraceMs, epoch, cancelled });
}
