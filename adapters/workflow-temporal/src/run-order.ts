import type { JsonObject } from '@carapulse/kernel';
import type { ActivityOutcome, ChildOrder, ChildOutcome, CommandOf, RunSnapshot } from '@carapulse/workflows';

/** Names that histories hold: they never change. */
export const RUN_TYPE = 'carapulseRun';
export const MAILBOX_TYPE = 'carapulseMailbox';
export const DELIVER = 'deliver';
export const ORDER = 'order';
/** The activity that starts a child and waits for it. */
export const WATCH_CHILD = 'carapulseChild';
/** The activity that says which queue its process alone takes from: whoever answers it is there. */
export const PING = 'carapulsePing';
/** Type of the failure by which a closing worker hands an activity back. */
export const WORKER_CLOSING = 'WorkerClosing';
/** Type of the failure by which a mailbox refuses an order. */
export const TOO_LARGE = 'TooLarge';
export const MACHINE_ATTRIBUTE = 'CarapulseMachine';
export const VERSION_ATTRIBUTE = 'CarapulseMachineVersion';

export type ActivityCommand = CommandOf<'activity'>;

/** A signal as it is kept. */
export interface Posted {
  readonly id: string;
  readonly name: string;
  readonly payload: JsonObject;
}

/** What a run is to do and where: fixed when it is started. */
export interface RunOrder {
  readonly machine: string;
  readonly version: number;
  /** Changes within the version that the run was started with; absent when there were none. */
  readonly patches?: readonly string[];
  /** Absent in runs from before a ping was asked for after a loss. */
  readonly pings?: true;
  readonly input: JsonObject;
  readonly taskQueue: string;
  readonly limits: RunLimits;
}

/** Times in milliseconds that every part of the run keeps to. */
export interface RunLimits {
  /** An activity whose worker isn't heard of for so long is given to another. */
  readonly heartbeatMs: number;
  /** How long an aborted activity may go on; its worker then calls it unknown. */
  readonly abortGraceMs: number;
}

/** The argument of the workflow: a new run, or what one history hands to the next. */
export type RunArgument =
  | { readonly kind: 'new'; readonly order: RunOrder; readonly early: readonly Posted[] }
  | (RunSnapshot & {
      readonly kind: 'continued';
      readonly order: Omit<RunOrder, 'input'>;
      readonly epoch: number;
      readonly lost: Readonly<Record<string, number>>;
      readonly seenSignals: readonly string[];
    });

/** What an activity is given. */
export interface WorkOrder {
  readonly key: string;
  readonly input: JsonObject;
  readonly timeoutMs: number;
  readonly abortGraceMs: number;
  /** Raised when a worker of the run was lost; what carries a lower one changes nothing any more. */
  readonly epoch: number;
  /** The run has cancelled it already: its signal is aborted from the start. */
  readonly cancelled: boolean;
}

export type Work = (order: WorkOrder) => Promise<ActivityOutcome>;
export type Ping = () => Promise<string>;
export type WatchChild = (order: ChildOrder) => Promise<ChildOutcome>;

/** The queue of one machine's version: only a build that has this version takes its runs. */
export function machineQueue(taskQueue: string, machine: string, version: number): string {
  return `${taskQueue}.${machine}.v${version}`;
}

/** The queue of this installation that no machine has: of its mailboxes, and of those who watch children. */
export function homeQueue({ taskQueue, machine, version }: Omit<RunOrder, 'input'>): string {
  const suffix = machineQueue('', machine, version);
  return taskQueue.endsWith(suffix) ? taskQueue.slice(0, -suffix.length) : taskQueue;
}
