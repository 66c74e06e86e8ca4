import type { JsonObject } from '@carapulse/kernel';
import { AppError } from '@carapulse/kernel';
import type { Step, ToolCall } from '@carapulse/plan';
import type { PlanActivities } from './activities.ts';
import type { RunCommand } from './durable-engine.ts';
import type { Blocker, RunState, StepPhase, StepState, Stop, Task } from './interpreter-state.ts';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Between two attempts, or before one, or with its effect and without its checks. */
const BETWEEN: ReadonlySet<StepPhase> = new Set(['parked', 'ready', 'unverified']);

const TIMERS: ReadonlySet<Task['kind']> = new Set(['backoff', 'again', 'max_run']);

/** The next state of a run while one event is worked on. Values are replaced, never changed, so the old state stays. */
export class Draft {
  readonly state: Mutable<RunState>;
  readonly commands: RunCommand[] = [];
  readonly nowMs: number;

  constructor(state: RunState, nowMs: number) {
    this.state = { ...state };
    this.nowMs = nowMs;
  }

  step(stepId: string): StepState {
    const step = this.state.steps[stepId];
    if (step === undefined) throw new AppError('internal', `The run has no step ${stepId}.`);
    return step;
  }

  planStep(stepId: string): Step {
    const step = this.state.plan.steps.find((candidate) => candidate.step_id === stepId);
    if (step === undefined) throw new AppError('internal', `The plan has no step ${stepId}.`);
    return step;
  }

  patch(stepId: string, change: Partial<StepState>): void {
    this.state.steps = { ...this.state.steps, [stepId]: { ...this.step(stepId), ...change } };
  }

  activity(key: string, name: keyof PlanActivities, input: JsonObject, timeoutMs: number, task: Task): void {
    this.commands.push({ kind: 'activity', key, name, input, timeoutMs });
    this.state.tasks = { ...this.state.tasks, [key]: task };
  }

  timer(key: string, delayMs: number, task: Task): void {
    this.commands.push({ kind: 'timer', key, dueAtMs: this.nowMs + delayMs });
    this.state.tasks = { ...this.state.tasks, [key]: task };
  }

  /** Asks for an end. An activity's task stays until its outcome is heard; a timer is gone at once. */
  cancel(key: string): void {
    this.commands.push({ kind: 'cancel', key });
    const task = this.state.tasks[key];
    if (task !== undefined && TIMERS.has(task.kind)) this.takeTask(key);
  }

  takeTask(key: string): Task | undefined {
    const { [key]: task, ...rest } = this.state.tasks;
    if (task !== undefined) this.state.tasks = rest;
    return task;
  }

  /** A number that no key of this run has used. */
  next(): number {
    this.state.counter += 1;
    return this.state.counter;
  }

  /** True while any activity has yet to answer. */
  busy(): boolean {
    return Object.values(this.state.tasks).some((task) => !TIMERS.has(task.kind));
  }

  block(blocker: Omit<Blocker, 'phase' | 'direction'> & Partial<Blocker>): void {
    this.state.blockers = [...this.state.blockers, { phase: null, direction: 'forward', ...blocker }];
  }

  /** Outputs of the steps that a call binds to. */
  outputsFor(call: ToolCall): Record<string, JsonObject> {
    return this.outputsOf(call.bindings.map((binding) => binding.from_step));
  }

  /** Outputs of those steps that have given one. */
  outputsOf(stepIds: readonly string[]): Record<string, JsonObject> {
    const outputs: Record<string, JsonObject> = {};
    for (const from of stepIds) {
      const output = this.state.outputs[from];
      if (output !== undefined) outputs[from] = output;
    }
    return outputs;
  }

  /**
   * Stops forward steps for good: reads and checks under way are aborted, waits for a retry end, inconclusive checks
   * no longer matter. Writes under way are left to finish. The first cause stays.
   */
  stop(stop: Stop): void {
    if (this.state.stop !== null) return;
    this.state.stop = { ...stop, reason: stop.reason.slice(0, 4000) };
    this.state.withheld = [];
    for (const [key, task] of Object.entries(this.state.tasks)) {
      if (task.kind === 'max_run' || task.kind === 'check') this.cancel(key);
      if (task.kind === 'step' && this.planStep(task.stepId).kind === 'read') this.cancel(key);
      if (task.kind === 'backoff') this.cancel(key);
      if (task.kind === 'again' && task.task.kind === 'begin') this.cancel(key);
    }
    this.state.blockers = this.state.blockers.filter(
      (blocker) => blocker.kind !== 'inconclusive' && !(blocker.kind === 'halted' && blocker.stepId === null),
    );
    for (const [stepId, step] of Object.entries(this.state.steps)) {
      if (step.phase === 'backoff' || step.phase === 'retry') this.patch(stepId, { phase: 'failed' });
      if (BETWEEN.has(step.phase)) this.abandon(stepId);
    }
  }

  /** `stop`, but while a person holds the run they decide first what becomes of it. */
  conclude(stepId: string | null, stop: Stop): void {
    if (this.state.hold === null || this.state.stop !== null) return this.stop(stop);
    this.state.withheld = [...this.state.withheld, { stepId, stop }];
  }

  /** Gives up a step between its attempts: one whose effect is there counts as done, to be compensated. */
  abandon(stepId: string): void {
    const wrote = this.state.written.includes(stepId);
    const read = this.planStep(stepId).kind === 'read' && this.step(stepId).effectAtMs !== null;
    if (wrote || read) this.patch(stepId, { phase: 'done' });
    else this.patch(stepId, { phase: this.step(stepId).attempt > 1 ? 'failed' : 'skipped' });
  }
}
