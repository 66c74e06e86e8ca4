import type { JsonObject } from '@carapulse/kernel';
import type {
  ActivityOutcome,
  ChildOutcome,
  CommandOf,
  Machine,
  RunCommand,
  RunEvent,
  Transition,
} from '@carapulse/workflows';
import { Awaited, LOST_AT_MOST, patchedOf } from '@carapulse/workflows';
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
import type { ActivityCommand, Ping, Posted, RunArgument, RunOrder, WatchChild, Work } from './run-order.ts';
import { homeQueue, PING, WATCH_CHILD, WORKER_CLOSING } from './run-order.ts';

type Heard =
  | { readonly kind: 'activity'; readonly key: string; readonly outcome: ActivityOutcome }
  | { readonly kind: 'timer'; readonly key: string }
  | { readonly kind: 'child'; readonly key: string; readonly outcome: ChildOutcome }
  | { readonly kind: 'signal'; readonly posted: Posted };

/** Room for the answer to reach the server after the worker has called an activity late. */
const ANSWER_MS = 10_000;
/** Longer than any child lives: a watch ends when there is news of the child. */
const WATCH_MS = 3_650 * 86_400_000;
const WATCH_AGAIN_MS = 1000;
/** How long a worker has to answer that it is there. */
const PING_MS = 2000;

/** The machine of one run and all that it waits for. See run-workflow.ts for the invariants. */
export class RunLoop {
  readonly #machine: Machine<unknown>;
  readonly #argument: RunArgument;
  readonly #runId = workflowInfo().workflowId;
  readonly #awaited: Awaited;
  readonly #running = new Map<string, CancellationScope>();
  /** Scopes whose activity has ended and that nobody cancelled: a new one makes three promises more. */
  readonly #free: CancellationScope[] = [];
  readonly #timers = new Map<string, CancellationScope>();
  readonly #watching = new Map<string, CancellationScope>();
  readonly #lost: Map<string, number>;
  readonly #seenSignals: Set<string>;
  #inbox: Heard[] = [];
  #stirred: (() => void) | null = null;
  #holding = false;
  #watches = 0;
  #pings = 0;
  #turn: Transition<unknown>;
  #heardMs: number;
  #epoch: number;

  constructor(machine: Machine<unknown>, argument: RunArgument) {
    this.#machine = machine;
    this.#argument = argument;
    this.#awaited = new Awaited(argument.kind === 'new' ? null : argument);
    this.#seenSignals = new Set(argument.kind === 'new' ? [] : argument.seenSignals);
    this.#heardMs = argument.kind === 'new' ? Date.now() : argument.heardMs;
    this.#epoch = argument.kind === 'new' ? 1 : argument.epoch;
    this.#lost = new Map(Object.entries(argument.kind === 'new' ? {} : argument.lost));
    const patched = patchedOf(machine, argument.order.patches);
    this.#turn =
      argument.kind === 'new'
        ? machine.start(argument.order.input, this.#runId, this.#heardMs, patched)
        : { state: argument.state, commands: [] };
  }

  /** Starts what the argument asks for. */
  begin(): void {
    if (this.#argument.kind === 'new') {
      this.#take(this.#turn.commands);
      for (const posted of this.#argument.early) this.post(posted);
      return;
    }
    for (const command of this.#argument.held)
      this.#launch(command, this.#awaited.cancelled.has(command.key));
    for (const timer of this.#argument.timers) this.#arm(timer);
    this.#watchChildren();
  }

  /**
   * Until something has reached this run. Not the SDK's `condition`, which costs another call into the sandbox each time
   * that it holds.
   */
  stirred(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#inbox.length > 0) resolve();
      else this.#stirred = resolve;
    });
  }

  /**
   * True while nothing is under way and nothing waits to be heard: the history can end here. Children are under way by
   * themselves, and are watched anew from the next one.
   */
  get quiet(): boolean {
    return this.#running.size === 0 && this.#inbox.length === 0;
  }

  /** A signal, once by its id. */
  post(posted: Posted): void {
    if (!this.#seenSignals.has(posted.id)) this.#inbox.push({ kind: 'signal', posted });
    this.#seenSignals.add(posted.id);
    this.#stir();
  }

  /** Lets the machine hear all that waits; the result when it has ended. */
  hearAll(): JsonObject | undefined {
    for (let heard = this.#inbox.shift(); heard !== undefined; heard = this.#inbox.shift()) {
      if (this.#turn.result !== undefined) break;
      const event = this.#toEvent(heard);
      if (event.kind === 'timer') this.#timers.delete(event.key);
      if (!this.#awaited.settle(event)) continue;
      this.#turn = this.#machine.react(this.#turn.state, event);
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
    for (const [key, command] of this.#awaited.activities)
      if (!this.#running.has(key)) this.#launch(command, this.#awaited.cancelled.has(key));
  }

  /** What the next history needs. */
  handOver(): RunArgument {
    const { machine, version, patches, pings, taskQueue, limits } = this.#argument.order;
    return {
      kind: 'continued',
      order: { machine, version, ...(patches && { patches }), ...(pings && { pings }), taskQueue, limits },
      state: this.#turn.state,
      heardMs: this.#heardMs,
      epoch: this.#epoch,
      lost: Object.fromEntries([...this.#lost].filter(([key]) => this.#awaited.activities.has(key))),
      seenSignals: [...this.#seenSignals],
      ...this.#awaited.snapshot(),
    };
  }

  #keep(heard: Heard): void {
    this.#inbox.push(heard);
    this.#stir();
  }

  #stir(): void {
    this.#stirred?.();
    this.#stirred = null;
  }

  #take(commands: readonly RunCommand[]): void {
    for (const command of commands) {
      this.#awaited.take([command]);
      if (command.kind === 'cancel') this.#cancel(command.key);
      else if (command.kind === 'timer') this.#arm(command);
      else if (command.kind === 'activity' && !this.#holding)
        this.#launch(command, this.#awaited.cancelled.has(command.key));
    }
    this.#watchChildren();
  }

  #cancel(key: string): void {
    this.#running.get(key)?.cancel();
    this.#timers.get(key)?.cancel();
    this.#timers.delete(key);
    // Watched anew, it is told.
    const watch = this.#watching.get(key);
    this.#watching.delete(key);
    watch?.cancel();
  }

  /** Whatever child is awaited is watched, from its start on and again after each news of it. */
  #watchChildren(): void {
    for (const [key, child] of this.#awaited.children) {
      const told = this.#inbox.some((heard) => heard.kind === 'child' && heard.key === key);
      if (!told && !this.#watching.has(key)) this.#watch(child);
    }
  }

  #watch(command: CommandOf<'child'>): void {
    const { key } = command;
    assertFits(`the input of the child ${key}`, command.input);
    const scope = new CancellationScope();
    this.#watching.set(key, scope);
    this.#watches += 1;
    const order = {
      parentRunId: this.#runId,
      command,
      cancelled: this.#awaited.cancelled.has(key),
      knownStuck: this.#awaited.stuck.has(key),
    };
    const { order: run } = this.#argument;
    const { [WATCH_CHILD]: watch } = proxyActivities<{ [WATCH_CHILD]: WatchChild }>({
      activityId: `${key} (watch ${this.#watches})`,
      taskQueue: homeQueue(run),
      startToCloseTimeout: WATCH_MS,
      heartbeatTimeout: run.limits.heartbeatMs,
      cancellationType: 'TRY_CANCEL',
      retry: { initialInterval: WATCH_AGAIN_MS, backoffCoefficient: 1 },
    });
    const news = (outcome: ChildOutcome | RefusedPayload): void => {
      if (this.#watching.get(key) !== scope) return;
      this.#watching.delete(key);
      const told: ChildOutcome =
        outcome instanceof RefusedPayload ? { kind: 'stuck', reason: outcome.reason } : outcome;
      this.#keep({ kind: 'child', key, outcome: told });
    };
    const again = async (): Promise<void> => {
      if (this.#watching.get(key) !== scope) return;
      await sleep(WATCH_AGAIN_MS);
      if (this.#watching.get(key) === scope) this.#watch(command);
    };
    void scope.run(() => watch(order)).then(news, again);
  }

  #arm({ key, dueAtMs }: CommandOf<'timer'>): void {
    const scope = new CancellationScope();
    this.#timers.set(key, scope);
    const fired = scope.run(() => sleep(Math.max(1, dueAtMs - Date.now())));
    void fired.then(
      () => this.#keep({ kind: 'timer', key }),
      () => undefined,
    );
  }

  /** On the queue of one process, when it is named; else on that which every process of this version takes from. */
  #launch(command: ActivityCommand, cancelled: boolean, queue?: string): void {
    assertFits(`the input of ${command.key}`, command.input);
    const scope = cancelled
      ? new CancellationScope({ cancellable: false })
      : (this.#free.pop() ?? new CancellationScope());
    const epoch = this.#epoch;
    this.#running.set(command.key, scope);
    const { limits } = this.#argument.order;
    const answer = scope.run(() => work(command, limits, epoch, cancelled, queue));
    void answer.then(
      (outcome) => {
        if (outcome instanceof RefusedPayload) return this.#giveUp(command.key, outcome.reason);
        const fenced = outcome.kind === 'failed' && outcome.code === 'fenced' && epoch < this.#epoch;
        if (fenced) return this.#launch(command, cancelled || scope.consideredCancelled);
        this.#running.delete(command.key);
        if (scope.cancellable && !scope.consideredCancelled) this.#free.push(scope);
        this.#keep({ kind: 'activity', key: command.key, outcome });
      },
      (error: unknown) => this.#launchAgain(command, scope, cancelled, epoch, error),
    );
  }

  /** Its worker was lost, is closing, or never had it: whoever takes it now carries a higher epoch. */
  #launchAgain(
    command: ActivityCommand,
    scope: CancellationScope,
    cancelledBefore: boolean,
    epoch: number,
    error: unknown,
  ): void {
    const cancelled = cancelledBefore || scope.consideredCancelled;
    const cause = error instanceof ActivityFailure ? error.cause : error;
    const closing = cause instanceof ApplicationFailure && cause.type === WORKER_CLOSING;
    const untaken = cause instanceof TimeoutFailure && cause.timeoutType === 'SCHEDULE_TO_START';
    const lost = cause instanceof TimeoutFailure && !untaken;
    const times = (this.#lost.get(command.key) ?? 0) + (lost ? 1 : 0);
    this.#lost.set(command.key, times);
    if (times >= LOST_AT_MOST) return this.#giveUp(command.key, `it cost ${times} workers`);
    if (!closing && !lost && !untaken && !isCancellation(error))
      return this.#giveUp(command.key, String(cause));
    if ((closing || lost) && epoch === this.#epoch) this.#epoch += 1;
    if (!lost || this.#argument.order.pings !== true) return this.#launch(command, cancelled);
    const again = (queue?: unknown): void =>
      this.#launch(
        command,
        cancelled || scope.consideredCancelled,
        typeof queue === 'string' ? queue : undefined,
      );
    return void this.#ping(command.key).then(again, () => again());
  }

  /**
   * The queue of a process that is there. One that stopped dead may still hold questions for work, as many as it asks at
   * once, and the server takes it for a living one: what is lost to them is this, not the activity once more.
   */
  #ping(key: string): Promise<string> {
    this.#pings += 1;
    const { [PING]: ping } = proxyActivities<{ [PING]: Ping }>({
      activityId: `${key} (ping ${this.#pings})`,
      startToCloseTimeout: Math.min(PING_MS, this.#argument.order.limits.heartbeatMs),
      retry: { initialInterval: 100, backoffCoefficient: 1 },
    });
    return ping();
  }

  /** What ended without its handler's word may or may not have had an effect. */
  #giveUp(key: string, why: string): void {
    const message = `The activity ended without an answer: ${why}`;
    this.#running.delete(key);
    this.#keep({
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
  queue: string | undefined,
): Promise<ActivityOutcome | RefusedPayload> {
  const activities = proxyActivities<Record<string, Work>>({
    activityId: epoch === 1 && !cancelled ? key : `${key} (epoch ${epoch}${cancelled ? ', cancelled' : ''})`,
    startToCloseTimeout: timeoutMs + abortGraceMs + ANSWER_MS,
    heartbeatTimeout: heartbeatMs,
    cancellationType: 'WAIT_CANCELLATION_COMPLETED',
    retry: { maximumAttempts: 1 },
    ...(queue === undefined ? {} : { taskQueue: queue, scheduleToStartTimeout: heartbeatMs }),
  });
  const ask = activities[name];
  if (ask === undefined) throw new Error(`no activity is called ${name}`);
  return ask({ key, input, timeoutMs, abortGraceMs, epoch, cancelled });
}
