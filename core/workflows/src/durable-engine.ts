import type { AppErrorCode, JsonObject } from '@carapulse/kernel';
import type { ErrorClass } from '@carapulse/plan';
import type { RunHistory } from './run-history.ts';

/** How an activity ended. `unknown` says that an effect may or may not have happened. */
export type ActivityOutcome =
  | { readonly kind: 'ok'; readonly output: JsonObject }
  | {
      readonly kind: 'failed';
      readonly code: AppErrorCode;
      readonly message: string;
      readonly errorClass: ErrorClass | 'unknown';
      readonly retryAfterMs: number | null;
    };

/** What a run hears. `atMs` is the engine's clock when the event was journalled, so replay sees the same time. */
export type RunEvent =
  | {
      readonly kind: 'activity';
      readonly key: string;
      readonly outcome: ActivityOutcome;
      readonly atMs: number;
    }
  | { readonly kind: 'timer'; readonly key: string; readonly atMs: number }
  | { readonly kind: 'signal'; readonly name: string; readonly payload: JsonObject; readonly atMs: number }
  | {
      readonly kind: 'child';
      readonly key: string;
      readonly outcome: ChildOutcome;
      readonly atMs: number;
    };

/** What became of a child. One that is stuck may yet end: it is told once that it is, and its end when there is one. */
export type ChildOutcome =
  | { readonly kind: 'ended'; readonly result: JsonObject }
  | { readonly kind: 'stuck'; readonly reason: string };

/**
 * What a run asks for. Keys are unique in the run. A key that is asked for twice is an error of the machine; engines
 * refuse it as far back as they keep what was asked for, which is at least all that is unanswered.
 */
export type RunCommand =
  | {
      readonly kind: 'activity';
      readonly key: string;
      readonly name: string;
      readonly input: JsonObject;
      readonly timeoutMs: number;
    }
  | { readonly kind: 'timer'; readonly key: string; readonly dueAtMs: number }
  /** Starts another run, once, under the id `childRunId`. It goes on by itself, also when its parent has ended. */
  | {
      readonly kind: 'child';
      readonly key: string;
      readonly machine: string;
      readonly input: JsonObject;
    }
  /**
   * Aborts the activity's signal; its outcome still arrives as an event. A timer is forgotten. A child is sent the
   * signal `cancel`, once; what it makes of it is its own business, and its end still arrives.
   */
  | { readonly kind: 'cancel'; readonly key: string };

export type CommandOf<Kind extends RunCommand['kind']> = Extract<RunCommand, { kind: Kind }>;

/** The run that a child becomes. */
export function childRunId(parentRunId: string, key: string): string {
  return `${parentRunId}/child/${encodeURIComponent(key)}`;
}

export interface Transition<State> {
  readonly state: State;
  readonly commands: readonly RunCommand[];
  /** Set once, when the run has ended. */
  readonly result?: JsonObject;
}

/** Whether the run was started by a build that knew this change. @throws when the machine doesn't name it. */
export type Patched = (id: string) => boolean;

/**
 * A durable program as a pure state machine. The engine journals each event in the order it was delivered and nothing
 * else, so replay never depends on the order in which parallel work was started or finished. The state is JSON: engines
 * keep it in place of a long history, so a build reads what an earlier build of the same version wrote.
 */
export interface Machine<State> {
  readonly name: string;
  /** Bumped when a recorded history would lead elsewhere; engines refuse to replay another version. */
  readonly version: number;
  /**
   * Changes within the version. A run is started with those of the build that starts it, which is recorded and never
   * changes; a build that lacks one of them refuses the run. A run that needs them later keeps them in its state.
   */
  readonly patches?: readonly string[];
  start(input: JsonObject, runId: string, atMs: number, patched: Patched): Transition<State>;
  react(state: State, event: RunEvent): Transition<State>;
}

export interface ActivityContext {
  readonly runId: string;
  readonly key: string;
  /**
   * How often the run has changed hands: rises each time that another process takes it over. What an effect is checked
   * against where it happens; whoever has seen a higher one refuses it.
   */
  readonly epoch: number;
  readonly signal: AbortSignal;
}

/** Does the work of one activity. Whatever it throws becomes a failed outcome by `toActivityOutcome`. */
export type ActivityHandler = (input: JsonObject, context: ActivityContext) => Promise<JsonObject>;

/** An activity that costs so many processes is called unknown rather than given to one more. */
export const LOST_AT_MOST = 5;

export type RunStatus =
  | { readonly kind: 'running' }
  | { readonly kind: 'ended'; readonly result: JsonObject }
  /** Cannot go on by itself: another version, a corrupt history. Visible, never silently pending. */
  | { readonly kind: 'stuck'; readonly reason: string }
  | { readonly kind: 'absent' };

/**
 * Runs machines durably. Guarantees of every adapter, proved by one conformance suite:
 * 1. `start` is idempotent by run id; once it returned the run survives any crash.
 * 2. An event that was delivered is delivered again in the same place after a crash; none is lost or invented.
 * 3. An activity whose outcome was delivered never runs again; one in flight at a crash runs again under its key.
 * 4. A signal is kept until the run takes it, also one that comes before the run or twice (by signal id).
 * 5. A timer fires once, not before its instant, across restarts.
 * 6. What is kept of a long run is bounded by its state, not by how long it is.
 * 7. An activity whose processes die of it is called unknown after `LOST_AT_MOST` of them; one that was handed on by a
 *    process that closes isn't counted.
 * 8. A child is started once, survives a crash of either side, and its end is heard once.
 * And of one that several processes may share:
 * 9. A run is driven by one process at a time; whoever held it before can neither journal for it nor show its epoch.
 */
export interface DurableEngine {
  start(runId: string, machine: string, input: JsonObject): Promise<'started' | 'exists'>;
  signal(runId: string, signalId: string, name: string, payload: JsonObject): Promise<void>;
  status(runId: string): Promise<RunStatus>;
  /** What the run was given, has heard and answered, so that another build can hear it again; null when it is absent. */
  history(runId: string): Promise<RunHistory | null>;
  /** Resolves when the run has ended; rejects with `cancelled` when the signal aborts. */
  wait(runId: string, signal: AbortSignal): Promise<RunStatus>;
  /** Takes up every unfinished run. Call once, after all machines and activities are known. */
  recover(): Promise<{ readonly resumed: number; readonly stuck: number }>;
  /** Rejects with what is wrong while it can't do its work. One that is in the product's own database needs none. */
  check?(signal: AbortSignal): Promise<void>;
  /** Stops taking new work, lets activities in flight finish for at most `drainMs`, leaves the rest to recovery. */
  close(drainMs: number): Promise<void>;
}
