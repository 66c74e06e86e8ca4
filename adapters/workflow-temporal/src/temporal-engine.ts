/**
 * Owner: this process. Boundary: one namespace of a Temporal server; its histories are the durable record.
 * Invariants:
 * 1. A run is one workflow whose id is the run's; it is started once, also after its end (while Temporal retains it).
 * 2. A run belongs to the queue of its machine's version; a build takes the versions that it has, and no other.
 * 3. A run that cannot go on is never ended by that: its workflow task fails and is tried again, and `status` says why.
 * 4. What is sent to a run before its start waits in a mailbox that becomes the run.
 */
import type { JsonObject } from '@carapulse/kernel';
import { AppError } from '@carapulse/kernel';
import type { DurableEngine, RunHistory, RunStatus } from '@carapulse/workflows';
import { Client, WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import type { DataConverter } from '@temporalio/common';
import { ApplicationFailure } from '@temporalio/common';
import type { NativeConnection } from '@temporalio/worker';
import { callError, late, within } from './call-error.ts';
import type { Connections } from './connect.ts';
import { connect } from './connect.ts';
import { describeRun } from './describe-run.ts';
import { fetchRunHistory } from './fetch-run-history.ts';
import { createPayloadCodec } from './payload-codec.ts';
import { tooLarge } from './payload-size.ts';
import type { RunArgument, RunLimits, RunOrder } from './run-order.ts';
import { DELIVER, machineQueue, MAILBOX_TYPE, ORDER, RUN_TYPE, TOO_LARGE } from './run-order.ts';
import type { RunningWorker } from './run-workers.ts';
import { startWorkers } from './run-workers.ts';
import { attributesOf } from './search-attributes.ts';
import type { TemporalEngineOptions } from './temporal-engine-options.ts';

const CALL_MS = 10_000;
/** How soon a waiting caller looks whether its run is stuck; that it has ended it hears at once. */
const LOOK_MS = [500, 1500, 5000] as const;
/** Reading the list of all unfinished runs, page by page. */
const LIST_MS = 30_000;
/** The wait for an order to reach a mailbox. */
const ORDER_MS = 30_000;
/** What closing may take after the drain: telling the server, which may be away, what is given back. */
const TELL_MS = 5000;

/**
 * A durable engine on Temporal. Runs are taken up by `recover`; what is started before waits.
 * @throws AppError `unavailable` when the server isn't reached, `not_found` when it has no such namespace,
 * `forbidden` when it doesn't let us in.
 */
export async function createTemporalEngine(options: TemporalEngineOptions): Promise<DurableEngine> {
  const connections = await connect(options.server, options.logger);
  return new TemporalEngine(options, connections);
}

class TemporalEngine implements DurableEngine {
  readonly #options: TemporalEngineOptions;
  readonly #connection: Connections['client'];
  readonly #closeClient: Connections['closeClient'];
  readonly #native: NativeConnection;
  readonly #client: Client;
  /** The workers'. */
  readonly #converter: DataConverter;
  readonly #limits: RunLimits;
  /** Activities are given up. */
  readonly #closing = new AbortController();
  /** Nobody watches children here any more. */
  readonly #leaving = new AbortController();
  #workers: readonly RunningWorker[] = [];
  #starting: Promise<readonly RunningWorker[]> | null = null;
  #closed: Promise<void> | null = null;

  constructor(options: TemporalEngineOptions, { client: connection, closeClient, worker }: Connections) {
    this.#options = options;
    this.#connection = connection;
    this.#closeClient = closeClient;
    this.#native = worker;
    const { payloadKeys } = options;
    const converter = (refused: 'thrown' | 'marked'): DataConverter =>
      payloadKeys === undefined ? {} : { payloadCodecs: [createPayloadCodec(payloadKeys, refused)] };
    this.#converter = converter('marked');
    const { namespace } = options.server;
    this.#client = new Client({ connection, namespace, dataConverter: converter('thrown') });
    this.#limits = {
      heartbeatMs: options.heartbeatMs ?? 10_000,
      abortGraceMs: options.abortGraceMs ?? 10_000,
    };
  }

  async start(runId: string, machine: string, input: JsonObject): Promise<'started' | 'exists'> {
    this.#assertOpen();
    const known = this.#options.machines.find(({ name }) => name === machine);
    if (known === undefined) {
      throw new AppError('not_supported', `No machine is called ${machine}; this build cannot run ${runId}.`);
    }
    const { version, patches = [] } = known;
    const taskQueue = machineQueue(this.#options.taskQueue, machine, version);
    const recorded = patches.length > 0 && { patches };
    const order: RunOrder = {
      machine,
      version,
      ...recorded,
      pings: true,
      input,
      taskQueue,
      limits: this.#limits,
    };
    const argument: RunArgument = { kind: 'new', order, early: [] };
    assertSendable(`The input of run ${runId}`, argument);
    try {
      await this.#soon(() =>
        this.#client.workflow.start(RUN_TYPE, {
          workflowId: runId,
          taskQueue,
          args: [argument],
          workflowIdReusePolicy: 'REJECT_DUPLICATE',
          workflowIdConflictPolicy: 'FAIL',
          typedSearchAttributes: attributesOf(machine, version),
          ...this.#decision(),
        }),
      );
      return 'started';
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError))
        throw callError(`Run ${runId} was not started`, error);
    }
    return this.#orderMailbox(runId, order);
  }

  async signal(runId: string, signalId: string, name: string, payload: JsonObject): Promise<void> {
    this.#assertOpen();
    const posted = { id: signalId, name, payload };
    assertSendable(`The signal ${name} to run ${runId}`, posted);
    try {
      await this.#soon(() =>
        this.#client.workflow.signalWithStart(MAILBOX_TYPE, {
          workflowId: runId,
          taskQueue: this.#options.taskQueue,
          signal: DELIVER,
          signalArgs: [posted],
          args: [],
          workflowIdReusePolicy: 'REJECT_DUPLICATE',
          ...this.#decision(),
        }),
      );
    } catch (error) {
      // The run has ended: nobody can take the signal any more.
      if (error instanceof WorkflowExecutionAlreadyStartedError) return;
      throw callError(`The signal ${name} to run ${runId} was not kept`, error);
    }
  }

  async status(runId: string): Promise<RunStatus> {
    try {
      return await this.#soon(() =>
        describeRun(this.#client, runId, (queue) => this.#whyNotOurs(runId, queue)),
      );
    } catch (error) {
      throw callError(`The status of run ${runId} is not known`, error);
    }
  }

  async history(runId: string): Promise<RunHistory | null> {
    try {
      return await this.#soon(() => fetchRunHistory(this.#client, runId));
    } catch (error) {
      throw callError(`The history of run ${runId} cannot be read`, error);
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
    const aborted = new Promise<undefined>((resolve) => {
      if (signal.aborted) resolve(undefined);
      else signal.addEventListener('abort', () => resolve(undefined), { once: true });
    });
    try {
      for (let look = 0; ; look += 1) {
        if (signal.aborted) throw new AppError('cancelled', `Nobody waits for run ${runId} any more.`);
        const status = await Promise.race([
          this.#client.withAbortSignal(until, () => this.status(runId)),
          aborted,
        ]);
        if (status === undefined) continue;
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
    this.#starting ??= this.#startWorkers().catch((error: unknown) => {
      this.#starting = null;
      throw callError('No worker of Temporal was started', error);
    });
    this.#workers = await this.#starting;
    return counts;
  }

  async check(signal: AbortSignal): Promise<void> {
    const { address, namespace } = this.#options.server;
    const ended = this.#workers.find(({ worker }) => worker.getState() !== 'RUNNING');
    if (ended !== undefined && this.#closed === null) {
      const queue = ended.worker.options.taskQueue;
      throw new AppError('unavailable', `The worker of ${queue} has ended; start this process again.`);
    }
    const aborted = new Promise<never>((_, reject) => {
      if (signal.aborted) reject(late());
      signal.addEventListener('abort', () => reject(late()), { once: true });
    });
    try {
      await Promise.race([
        this.#soon(() => this.#connection.workflowService.describeNamespace({ namespace })),
        aborted,
      ]);
    } catch (error) {
      throw callError(`Temporal at ${address} does not answer; its runs wait, and new ones too`, error);
    }
  }

  close(drainMs: number): Promise<void> {
    this.#closed ??= this.#close(drainMs);
    return this.#closed;
  }

  async #close(drainMs: number): Promise<void> {
    this.#leaving.abort();
    for (const { worker } of this.#workers) if (worker.getState() === 'RUNNING') worker.shutdown();
    const reason = new AppError('cancelled', 'The engine is closing; the run goes on when it starts again.');
    const giveUp = setTimeout(() => this.#closing.abort(reason), drainMs);
    const untold = Promise.withResolvers<'untold'>();
    const waiting = setTimeout(() => untold.resolve('untold'), drainMs + TELL_MS);
    const ends = Promise.all(this.#workers.map(({ ended }) => ended));
    const how = await Promise.race([ends, untold.promise]);
    clearTimeout(giveUp);
    clearTimeout(waiting);
    await this.#closeClient();
    if (how !== 'untold') return this.#native.close();
    void ends.then(() => this.#native.close()).catch(() => undefined);
    this.#options.logger?.warn('Temporal was not told that its worker is leaving; it misses it by itself', {
      address: this.#options.server.address,
    });
  }

  #startWorkers(): Promise<readonly RunningWorker[]> {
    return startWorkers(this.#options, {
      connection: this.#native,
      converter: this.#converter,
      heartbeatMs: this.#limits.heartbeatMs,
      engine: this,
      closing: this.#closing.signal,
      leaving: this.#leaving.signal,
    });
  }

  /** Hands the order to the mailbox that has the run's id, if it is one. */
  async #orderMailbox(runId: string, order: RunOrder): Promise<'started' | 'exists'> {
    const handle = this.#client.workflow.getHandle(runId);
    try {
      const { type, status } = await this.#soon(() => handle.describe());
      if (type !== MAILBOX_TYPE || status.name !== 'RUNNING') return 'exists';
      return await this.#soon(
        () => handle.executeUpdate<'started' | 'exists', [RunOrder]>(ORDER, { args: [order] }),
        ORDER_MS,
      );
    } catch (error) {
      const cause = error instanceof Error ? error.cause : undefined;
      if (cause instanceof ApplicationFailure && cause.type === TOO_LARGE)
        throw new AppError('payload_too_large', `Run ${runId} was not started. ${cause.message}`, {
          cause: error,
        });
      const isRun = await this.#isRun(runId).catch(() => false);
      if (isRun) return 'exists';
      throw callError(`Run ${runId} was not started: its mailbox did not take the order`, error);
    }
  }

  async #isRun(runId: string): Promise<boolean> {
    const { type } = await this.#soon(() => this.#client.workflow.getHandle(runId).describe());
    return type === RUN_TYPE;
  }

  async #unfinished(): Promise<readonly string[]> {
    const runs: string[] = [];
    const query = `WorkflowType = '${RUN_TYPE}' AND ExecutionStatus = 'Running'`;
    const list = async (): Promise<void> => {
      for await (const { workflowId, taskQueue } of this.#client.workflow.list({ query }))
        if (taskQueue.startsWith(`${this.#options.taskQueue}.`)) runs.push(workflowId);
    };
    try {
      await this.#soon(list, LIST_MS);
    } catch (error) {
      throw callError('The unfinished runs are not known', error);
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

  #soon<Answer>(call: () => Promise<Answer>, withinMs = this.#options.callMs ?? CALL_MS): Promise<Answer> {
    return within(withinMs, () => this.#client.withDeadline(Date.now() + withinMs, call));
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

function assertSendable(what: string, value: unknown): void {
  const why = tooLarge(what, value);
  if (why !== null) throw new AppError('payload_too_large', why);
}
