import type { AppErrorCode, JsonObject } from '@carapulse/kernel';
import { AppError, canonicalJson } from '@carapulse/kernel';
import type { Plan } from '@carapulse/plan';
import type { RunResult } from '../activities.ts';
import type { ActivityOutcome, Machine, RunCommand, RunEvent, Transition } from '../durable-engine.ts';
import { planRunInput } from '../heard.ts';
import { planMachine } from '../interpreter.ts';

type Activity = Extract<RunCommand, { kind: 'activity' }>;
type Timer = Extract<RunCommand, { kind: 'timer' }>;
type Child = Extract<RunCommand, { kind: 'child' }>;

export const OK: ActivityOutcome = { kind: 'ok', output: {} };

export function failed(
  code: AppErrorCode,
  errorClass: Extract<ActivityOutcome, { kind: 'failed' }>['errorClass'] = 'permanent',
): ActivityOutcome {
  return { kind: 'failed', code, message: `it is ${code}`, errorClass, retryAfterMs: null };
}

export function verdict(said: 'passed' | 'failed' | 'inconclusive'): ActivityOutcome {
  return { kind: 'ok', output: { verdict: said, reason: '', samples: [] } };
}

export function stepDone(effectAtMs: number | null = null, output: JsonObject = {}): ActivityOutcome {
  return { kind: 'ok', output: { output, evidence_id: null, effect_at_ms: effectAtMs } };
}

/**
 * An engine worked by hand: it starts nothing and lets the test say what is heard next. Each state is frozen and goes
 * through JSON before the machine sees it again, so a machine that changes or hides state fails.
 */
export class HandDriven<State> {
  readonly journal: RunEvent[] = [];
  readonly turns: (readonly RunCommand[])[] = [];
  readonly activities = new Map<string, Activity>();
  readonly timers = new Map<string, Timer>();
  readonly children = new Map<string, Child>();
  readonly aborted = new Set<string>();
  readonly #machine: Machine<State>;
  readonly #asked = new Set<string>();
  nowMs = 1_000_000;
  state: State;
  result: JsonObject | undefined;

  constructor(machine: Machine<State>, input: JsonObject) {
    this.#machine = machine;
    this.state = this.#take(machine.start(input, 'run', this.nowMs, () => false));
  }

  /** Lets the activity whose key ends so answer. */
  answer(suffix: string, outcome: ActivityOutcome): this {
    const { key } = this.waiting(suffix);
    this.activities.delete(key);
    return this.hear({ kind: 'activity', key, outcome, atMs: this.nowMs });
  }

  /** The one outstanding activity that `wanted` names: a key's end, or a part of it between slashes. */
  waiting(wanted: string): Activity {
    const found = [...this.activities.values()].filter(
      ({ key }) => key.endsWith(wanted) || `${key}/`.includes(`/${wanted}/`),
    );
    const [only] = found;
    if (only === undefined || found.length > 1) {
      throw new AppError(
        'not_found',
        `${found.length} activities match ${wanted}: ${this.keys().join(', ')}`,
      );
    }
    return only;
  }

  /** Lets the timer whose key holds `part` fire at its instant. */
  fire(part: string): this {
    const timer = [...this.timers.values()].find(({ key }) => key.includes(part));
    if (timer === undefined) throw new AppError('not_found', `No timer holds ${part}.`);
    this.timers.delete(timer.key);
    this.nowMs = Math.max(this.nowMs, timer.dueAtMs);
    return this.hear({ kind: 'timer', key: timer.key, atMs: this.nowMs });
  }

  signal(name: string, payload: JsonObject = {}): this {
    return this.hear({ kind: 'signal', name, payload, atMs: this.nowMs });
  }

  hear(event: RunEvent): this {
    this.nowMs += 1;
    this.journal.push(event);
    this.state = this.#take(this.#machine.react(freeze(throughJson(this.state)), event));
    return this;
  }

  keys(): readonly string[] {
    return [...this.activities.keys()];
  }

  #take(turn: Transition<State>): State {
    this.turns.push(turn.commands);
    for (const command of turn.commands) {
      if (command.kind === 'cancel') {
        this.aborted.add(command.key);
        this.timers.delete(command.key);
        continue;
      }
      if (this.#asked.has(command.key)) throw new AppError('internal', `${command.key} was asked for twice.`);
      this.#asked.add(command.key);
      if (command.kind === 'activity') this.activities.set(command.key, command);
      else if (command.kind === 'child') this.children.set(command.key, command);
      else this.timers.set(command.key, command);
    }
    this.result = turn.result;
    return turn.state;
  }
}

export function runByHand(plan: Plan): HandDriven<unknown> {
  return new HandDriven(planMachine, planRunInput('run', plan));
}

export function resultOf(run: HandDriven<unknown>): RunResult {
  if (run.result === undefined) {
    throw new AppError('not_found', `The run goes on; it awaits ${run.keys().join(', ')}`);
  }
  return run.result as unknown as RunResult;
}

/** Commands of each turn when the journal is heard again from the start. */
export function replay<State>(
  machine: Machine<State>,
  input: JsonObject,
  startedAtMs: number,
  journal: readonly RunEvent[],
): readonly string[] {
  const turns: string[] = [];
  let turn = machine.start(input, 'run', startedAtMs, () => false);
  turns.push(canonicalJson(turn.commands));
  for (const event of journal) {
    turn = machine.react(turn.state, event);
    turns.push(canonicalJson(turn.commands));
  }
  return turns;
}

export function throughJson<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) freeze(inner);
  }
  return value;
}
