import { randomUUID } from 'node:crypto';
import type { DurableEngine } from '@carapulse/workflows';
import type { DataConverter } from '@temporalio/common';
import type { NativeConnection } from '@temporalio/worker';
import { Worker } from '@temporalio/worker';
import { toWork } from './run-activity.ts';
import { machineQueue, PING, WATCH_CHILD, type Ping } from './run-order.ts';
import type { TemporalEngineOptions } from './temporal-engine-options.ts';
import { toWatch } from './watch-child-activity.ts';

export interface RunningWorker {
  readonly worker: Worker;
  readonly ended: Promise<void>;
}

export interface WorkerDeps {
  readonly connection: NativeConnection;
  readonly converter: DataConverter;
  readonly heartbeatMs: number;
  /** What starts children and waits for them. */
  readonly engine: Pick<DurableEngine, 'start' | 'signal' | 'wait'>;
  /** Aborted when activities are given up; `leaving` when the process begins to close. */
  readonly closing: AbortSignal;
  readonly leaving: AbortSignal;
}

/** Longer than any drain: this process says itself when activities are given up. */
const NEVER_MS = 2_000_000_000;
/** Runs kept in memory while they wait, about 1.6 MB each; any other is heard again from its history when it goes on. */
const CACHED_RUNS = 100;
/** What is lost with other processes is little at a time. */
const OWN_POLLS = 1;
/** Children that a process watches at once; the others wait for their start. Their own work has other room. */
const CHILDREN_AT_ONCE = 1000;

/**
 * For each machine's version one worker on its queue and one on a queue of this process alone, where it gets what another
 * process was lost with; and one for the mailboxes of runs that weren't started yet and for watching children.
 */
export async function startWorkers(
  { activities, machines, taskQueue, bundle: code, server, sinks, decisionMs, logger }: TemporalEngineOptions,
  { connection, converter, heartbeatMs, engine, closing, leaving }: WorkerDeps,
): Promise<readonly RunningWorker[]> {
  const works = Object.fromEntries(
    Object.entries(activities).map(([name, handler]) => [name, toWork(name, handler, closing)]),
  );
  const acting = {
    connection,
    namespace: server.namespace,
    dataConverter: converter,
    shutdownGraceTime: NEVER_MS,
    maxHeartbeatThrottleInterval: Math.max(100, heartbeatMs / 5),
    defaultHeartbeatThrottleInterval: Math.max(100, heartbeatMs / 5),
  };
  const deciding = {
    ...acting,
    workflowBundle: { code },
    stickyQueueScheduleToStartTimeout: decisionMs ?? 10_000,
    ...(sinks === undefined ? {} : { sinks }),
  };
  const workers = [
    await Worker.create({
      ...deciding,
      taskQueue,
      activities: { [WATCH_CHILD]: toWatch(engine, leaving) },
      maxConcurrentActivityTaskExecutions: CHILDREN_AT_ONCE,
      maxCachedWorkflows: 10,
      workflowThreadPoolSize: 1,
    }),
  ];
  for (const { name, version } of machines) {
    const queue = machineQueue(taskQueue, name, version);
    const own = `${queue}@${randomUUID()}`;
    const ping: Ping = async () => own;
    workers.push(
      await Worker.create({
        ...deciding,
        taskQueue: queue,
        activities: { ...works, [PING]: ping },
        maxCachedWorkflows: CACHED_RUNS,
      }),
      await Worker.create({
        ...acting,
        taskQueue: own,
        activities: works,
        activityTaskPollerBehavior: { type: 'simple-maximum', maximum: OWN_POLLS },
      }),
    );
  }
  return workers.map((worker) => ({
    worker,
    ended: worker.run().catch((error: unknown) => {
      logger?.error('A Temporal worker has ended', {
        queue: worker.options.taskQueue,
        error: String(error),
      });
    }),
  }));
}
