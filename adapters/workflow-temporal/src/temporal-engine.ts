/**
 * Owner: this process. Boundary: one namespace of a Temporal server; its histories are the durable record.
 * Invariants:
 * 1. A run is one workflow whose id is the run's; it is started once, also after its end (while Temporal retains it).
 * 2. A run belongs to the queue of its machine's version; a build takes the versions that it has, and no other.
 * 3. A run that cannot go on is never ended by that: its workflow task fails and is tried again, and `status` says why.
 * 4. What is sent to a run before its start waits in a mailbox that becomes the run.
 */
import type { JsonObject, Logger } from '@carapulse/kernel';
import { AppError } from '@carapulse/kernel';
import type { ActivityHandler, DurableEngine, Machine, RunHistory, RunStatus } from '@carapulse/workflows';
import { Client, WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import type { Connection } from '@temporalio/client';
import type { DataConverter } from '@temporalio/common';
import { WorkflowNotFoundError } from '@temporalio/common';
import type { InjectedSinks, NativeConnection } from '@temporalio/worker';
import type { Sinks } from '@temporalio/workflow';
import { Worker } from '@temporalio/worker';
import type { TemporalAddress } from './connect.ts';
import { connect } from './connect.ts';
import { describeRun } from './describe-run.ts';
import { fetchRunHistory } from './fetch-run-history.ts';
import type { PayloadKeys } from './payload-codec.ts';
import { createPayloadCodec } from './payload-codec.ts';
import { toWork } from './run-activity.ts';
import type { RunArgument, RunLimits, RunOrder } from './run-order.ts';
import { DELIVER, machineQueue, MAILBOX_TYPE, ORDER, RUN_TYPE } from './run-order.ts';
import { attributesOf } from './search-attributes.ts';

export interface TemporalEngineOptions {
  readonly server: TemporalAddress;
  /** Prefix of the task queues; installations that share a namespace have different ones. */
  readonly taskQueue: string;
  /** The script that `bundleMachines` made of a module with these machines. */
  readonly bundle: string;
  readonly machines: readonly Machine<unknown>[];
  readonly activities: Readonly<Record<string, ActivityHandler>>;
  /** Without keys the Temporal server can read what runs are given and answer. */
  readonly payloadKeys?: PayloadKeys;
  readonly logger?: Logger;
  /** How long an aborted activity may go on before its outcome is called unknown. Default 10,000 ms. */
  readonly abortGraceMs?: number;
  /** An activity whose worker isn't heard of for so long runs again elsewhere. Default 10,000 ms. */
  readonly heartbeatMs?: number;
  /** A decision whose worker isn't heard of for so long is made elsewhere. Default 10,000 ms. */
  readonly decisionMs?: number;
  /** What the bundled code may call outside; see Temporal's sinks. */
  readonly sinks?: InjectedSinks<Sinks>;
}

/** How soon a waiting caller looks whether its run is stuck; that it has ended it hears at once. */
const LOOK_MS = [300, 600, 1200, 2400, 5000] as const;
/** The wait for an order to reach a mailbox. */
const ORDER_MS = 30_000;
/** Longer than any drain: this process says itself when activities are given up. */
const NEVER_MS = 2_000_000_000;

/**
 * A durable engine on Temporal. Runs are taken up by `recover`; what is started before waits.
 * @throws AppError `unavailable` when the server isn't reached, `not_found` when it has no such namespace,
 * `forbidden` when it doesn't let us in.
 */
export async function createTemporalEngine(options: TemporalEngineOptions): Promise<DurableEngine> {
  const connections = await connect(options.server, options.logger);
  return new TemporalEngine(options, connections.client, connections.worker);
}

class TemporalEngine implements DurableEngine {
  readonly #options: TemporalEngineOptions;
  readonly #connection: Connection;
  readonly #native: NativeConnection;
  readonly #client: Client;
  readonly #converter: DataConverter;
  readonly #limits: RunLimits;
  readonly #closing = new AbortController();
  #workers: readonly { readonly worker: Worker; readonly ended: Promise<void> }[] = [];
  #closed: Promise<void> | null = null;

  constructor(options: TemporalEngineOptions, connection: Connection, native: NativeConnection) {
    this.#options = options;
    this.#connection = connection;
    this.#native = native;
    this.#converter =
      options.payloadKeys === undefined ? {} : { payloadCodecs: [createPayloadCodec(options.payloadKeys)] };
    const { namespace } = options.server;
    this.#client = new Client({ connection, namespace, dataConverter: this.#converter });
    this.#limits = {
      heartbeatMs: options.heartbeatMs ?? 10_000,
      abortGraceMs: options.abortGraceMs ?? 10_000,
    };
  }

  async start(runId: string, machine: string, input: JsonObject): Promise<'started' | 'exists'> {
    this.#assertOpen();
    const version = this.#versionOf(machine);
    if (version === undefined) {
      throw new AppError('not_supported', `No machine is called ${machine}; this build cannot run ${runId}.`);
    }
    const taskQueue = machineQueue(this.#options.taskQueue, machine, version);
    const order: RunOrder = { machine, version, input, taskQueue, limits: this.#limits };
    const argument: RunArgument = { kind: 'new', order, early: [] };
    try {
      await this.#client.workflow.start(RUN_TYPE, {
        workflowId: runId,
        taskQueue,
        args: [argument],
        workflowIdReusePolicy: 'REJECT_DUPLICATE',
        workflowIdConflictPolicy: 'FAIL',
        typedSearchAttributes: attributesOf(machine, version),
        ...this.#decision(),
      });
      return 'started';
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError))
        throw unavailable(`Run ${runId} was not started`, error);
    }
    return this.#orderMailbox(runId, order);
  }

  async signal(runId: string, signalId: string, name: string, payload: JsonObject): Promise<void> {
    this.#assertOpen();
    const posted = { id: signalId, name, payload };
    try {
      await this.#client.workflow.signalWithStart(MAILBOX_TYPE, {
        workflowId: runId,
        taskQueue: this.#options.taskQueue,
        signal: DELIVER,
        signalArgs: [posted],
        args: [],
        workflowIdReusePolicy: 'REJECT_DUPLICATE',
        ...this.#decision(),
      });
    } catch (error) {
      // The run has ended: nobody can take the signal any more.
      if (error instanceof WorkflowExecutionAlreadyStartedError) return;
      throw unavailable(`The signal ${name} to run ${runId} was not kept`, error);
    }
  }

  async status(runId: string): Promise<RunStatus> {
    try {
      return await describeRun(this.#client, runId, (queue) => this.#whyNotOurs(runId, queue));
    } catch (error) {
      throw unavailable(`The status of run ${runId} is not known`, error);
    }
  }

  async history(runId: string): Promise<RunHistory | null> {
    try {
      return await fetchRunHistory(this.#client, runId);
    } catch (error) {
      throw unavailable(`The history of run ${runId} cannot be read`, error);
    }
  }

  async wait(runId: string, signal: AbortSignal): Promise<RunStatus> {
    const over = new AbortController();
    const until = AbortSignal.any([signal, over.signal]);
    const handle = this.#client.workflow.getHandle(runId);
    let heard = false;
    const ended = this.#client
      .withAbortSignal(until, () => handle.result())
      .catch(() => undefined)
      .finally(() => (heard = true));
    const aborted = new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    });
    try {
      for (let look = 0; ; look += 1) {
        if (signal.aborted) throw new AppError('cancelled', `Nobody waits for run ${runId} any more.`);
        const status = await this.status(runId);
        if (status.kind !== 'running') return status;
        const pause = new Promise<void>((resolve) => setTimeout(resolve, LOOK_MS[look] ?? 5000).unref());
        await Promise.race(heard ? [pause, aborted] : [ended, pause, aborted]);
      }
    } finally {
      over.abort();
    }
  }

  async recover(): Promise<{ readonly resumed: number; readonly stuck: number }> {
    this.#assertOpen();
    const counts = { resumed: 0, stuck: 0 };
    for (const runId of await this.#unfinished()) {
      const status = await this.status(runId);
      if (status.kind === 'running') counts.resumed += 1;
      if (status.kind !== 'stuck') continue;
      counts.stuck += 1;
      this.#options.logger?.error('A run cannot go on', { run_id: runId, reason: status.reason });
    }
    if (this.#workers.length === 0) this.#workers = await this.#startWorkers();
    return counts;
  }

  close(drainMs: number): Promise<void> {
    this.#closed ??= this.#close(drainMs);
    return this.#closed;
  }

  async #close(drainMs: number): Promise<void> {
    for (const { worker } of this.#workers) if (worker.getState() === 'RUNNING') worker.shutdown();
    const reason = new AppError('cancelled', 'The engine is closing; the run goes on when it starts again.');
    const giveUp = setTimeout(() => this.#closing.abort(reason), drainMs);
    await Promise.allSettled(this.#workers.map(({ ended }) => ended));
    clearTimeout(giveUp);
    await this.#native.close();
    await this.#connection.close();
  }

  /** One worker a machine's version, and one for the mailboxes of runs that weren't started yet. */
  async #startWorkers(): Promise<readonly { readonly worker: Worker; readonly ended: Promise<void> }[]> {
    const { activities, machines, taskQueue, bundle: code, server, sinks } = this.#options;
    const works = Object.entries(activities).map(([name, handler]) => [
      name,
      toWork(name, handler, this.#closing.signal),
    ]);
    const shared = {
      connection: this.#native,
      namespace: server.namespace,
      workflowBundle: { code },
      dataConverter: this.#converter,
      shutdownGraceTime: NEVER_MS,
      maxHeartbeatThrottleInterval: Math.max(100, this.#limits.heartbeatMs / 5),
      defaultHeartbeatThrottleInterval: Math.max(100, this.#limits.heartbeatMs / 5),
      stickyQueueScheduleToStartTimeout: this.#options.decisionMs ?? 10_000,
      ...(sinks === undefined ? {} : { sinks }),
    };
    const workers = [
      await Worker.create({ ...shared, taskQueue, maxCachedWorkflows: 10, workflowThreadPoolSize: 1 }),
    ];
    for (const { name, version } of machines) {
      const queue = machineQueue(taskQueue, name, version);
      workers.push(
        await Worker.create({ ...shared, taskQueue: queue, activities: Object.fromEntries(works) as object }),
      );
    }
    return workers.map((worker) => ({
      worker,
      ended: worker.run().catch((error: unknown) => {
        this.#options.logger?.error('A Temporal worker has ended', {
          queue: worker.options.taskQueue,
          error: String(error),
        });
      }),
    }));
  }

  /** Hands the order to the mailbox that has the run's id, if it is one. */
  async #orderMailbox(runId: string, order: RunOrder): Promise<'started' | 'exists'> {
    const handle = this.#client.workflow.getHandle(runId);
    try {
      const { type, status } = await handle.describe();
      if (type !== MAILBOX_TYPE || status.name !== 'RUNNING') return 'exists';
      return await this.#client.withDeadline(Date.now() + ORDER_MS, () =>
        handle.executeUpdate<'started' | 'exists', [RunOrder]>(ORDER, { args: [order] }),
      );
    } catch (error) {
      if (await this.#isRun(runId)) return 'exists';
      throw unavailable(`Run ${runId} was not started: its mailbox did not take the order`, error);
    }
  }

  async #isRun(runId: string): Promise<boolean> {
    const { type } = await this.#client.workflow.getHandle(runId).describe();
    return type === RUN_TYPE;
  }

  async #unfinished(): Promise<readonly string[]> {
    const runs: string[] = [];
    const query = `WorkflowType = '${RUN_TYPE}' AND ExecutionStatus = 'Running'`;
    for await (const { workflowId, taskQueue } of this.#client.workflow.list({ query })) {
      if (taskQueue.startsWith(`${this.#options.taskQueue}.`)) runs.push(workflowId);
    }
    return runs;
  }

  #whyNotOurs(runId: string, queue: string): string | null {
    const { machines, taskQueue } = this.#options;
    if (machines.some(({ name, version }) => machineQueue(taskQueue, name, version) === queue)) return null;
    const found = /^(.*)\.v(\d+)$/.exec(queue.slice(taskQueue.length + 1));
    if (!queue.startsWith(`${taskQueue}.`) || found === null) {
      return `Run ${runId} is on the task queue ${queue}, which is not of this installation.`;
    }
    const [, name = '', version = ''] = found;
    const known = this.#versionOf(name);
    const have = known === undefined ? 'has no such machine' : `has version ${known}`;
    return `Run ${runId} needs machine ${name} version ${version}; this build ${have}. It goes on where a build of that version works.`;
  }

  #versionOf(machine: string): number | undefined {
    return this.#options.machines.find(({ name }) => name === machine)?.version;
  }

  #decision(): { workflowTaskTimeout?: number } {
    return this.#options.decisionMs === undefined ? {} : { workflowTaskTimeout: this.#options.decisionMs };
  }

  #assertOpen(): void {
    if (this.#closed !== null) throw new AppError('unavailable', 'The durable engine is closing.');
  }
}

function unavailable(what: string, error: unknown): AppError {
  if (error instanceof AppError) return error;
  if (error instanceof WorkflowNotFoundError)
    return new AppError('not_found', `${what}: there is no such run.`);
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  const message = cause instanceof Error ? cause.message : String(cause);
  return new AppError('unavailable', `${what}: ${message}`, { cause: error, retryable: true });
}
