/**
 * Owner: this process; DBOS is one a process, so is the engine. Boundary: DBOS 5 over a `pg` pool, and the journal.
 * Invariants:
 * 1. DBOS keeps a run's existence, input, recovery and result; the journal keeps what the run heard and who drives it.
 * 2. A run that cannot go on is never ended by that: DBOS keeps it pending, and `status` says stuck and why.
 * 3. DBOS sees one constant application version; what a history needs is the machine's version in the run's input.
 * 4. No DBOS call depends on order, since a run makes none between its start and its result.
 */
import { randomUUID } from 'node:crypto';
import type { Clock, JsonObject, Logger } from '@carapulse/kernel';
import { AppError } from '@carapulse/kernel';
import type { ActivityHandler, DurableEngine, Machine, RunStatus } from '@carapulse/workflows';
import type { WorkflowStatus } from '@dbos-inc/dbos-sdk';
import { DBOS, Error as DBOSError } from '@dbos-inc/dbos-sdk';
import type { Pool } from 'pg';
import { toDbosLogger } from './dbos-logger.ts';
import { createJournalSchema } from './journal-schema.ts';
import { Journal } from './journal.ts';
import { RunDriver } from './run-driver.ts';

export interface DbosEngineOptions {
  /** Stays the caller's: the engine never ends it. Over PGlite its maximum is one client. */
  readonly pool: Pool;
  readonly machines: readonly Machine<unknown>[];
  readonly activities: Readonly<Record<string, ActivityHandler>>;
  readonly clock: Clock;
  readonly logger?: Logger;
  /** How often the mailbox is looked at for signals that another process posted. Default 1,000 ms. */
  readonly mailboxPollMs?: number;
  /** How long an aborted activity may go on before its outcome is called unknown. Default 10,000 ms. */
  readonly abortGraceMs?: number;
}

interface RunInput {
  readonly machine: string;
  readonly version: number;
  readonly input: JsonObject;
}

const APPLICATION_VERSION = 'carapulse-durable-1';
const EXECUTOR_ID = 'carapulse';
const WORKFLOW_NAME = 'carapulse.run';
const UNFINISHED = ['PENDING', 'ENQUEUED', 'DELAYED'] as const;
const WAIT_POLL_MS = 200;
const RECORD_POLL_MS = 5;
/** DBOS gives a workflow up after so many recoveries; a run that waits for a person may see many restarts. */
const MAX_RECOVERIES = 1_000_000_000;

/**
 * A durable engine on DBOS. One at a time in a process; runs of an earlier process wait until `recover`.
 * @throws AppError `conflict` when this process has one already.
 */
export async function createDbosEngine(options: DbosEngineOptions): Promise<DurableEngine> {
  if (DBOS.isInitialized()) {
    throw new AppError(
      'conflict',
      'This process has a durable engine already; close it before making another.',
    );
  }
  const engine = new DbosEngine(options);
  try {
    await engine.open();
  } catch (error) {
    await DBOS.shutdown({ deregister: true });
    throw error;
  }
  return engine;
}

class DbosEngine implements DurableEngine {
  readonly #options: DbosEngineOptions;
  readonly #journal: Journal;
  readonly #machines: ReadonlyMap<string, Machine<unknown>>;
  readonly #drivers = new Map<string, RunDriver>();
  /** Runs begun by this process, until they end; none of them waits for `recover`. */
  readonly #startedHere = new Map<string, Promise<unknown>>();
  readonly #stuck = new Map<string, string>();
  readonly #endings = new Map<string, PromiseWithResolvers<void>>();
  readonly #released: PromiseWithResolvers<void> = Promise.withResolvers();
  #workflow: ((input: RunInput) => Promise<JsonObject>) | null = null;
  #poll: NodeJS.Timeout | null = null;
  #closing: Promise<void> | null = null;

  constructor(options: DbosEngineOptions) {
    this.#options = options;
    this.#journal = new Journal(options.pool, options.logger);
    this.#machines = new Map(options.machines.map((machine) => [machine.name, machine]));
  }

  async open(): Promise<void> {
    await createJournalSchema(this.#options.pool);
    this.#workflow = DBOS.registerWorkflow((input: RunInput) => this.#execute(input), {
      name: WORKFLOW_NAME,
      maxRecoveryAttempts: MAX_RECOVERIES,
    });
    DBOS.setConfig({
      name: 'carapulse',
      systemDatabasePool: this.#options.pool,
      applicationVersion: APPLICATION_VERSION,
      executorID: EXECUTOR_ID,
      useListenNotify: false,
      logger: toDbosLogger(this.#options.logger),
    });
    await DBOS.launch();
    this.#schedulePoll();
  }

  async start(runId: string, machine: string, input: JsonObject): Promise<'started' | 'exists'> {
    this.#assertOpen();
    const version = this.#machines.get(machine)?.version;
    if (version === undefined || this.#workflow === null) {
      throw new AppError('not_supported', `No machine is called ${machine}; this build cannot run ${runId}.`);
    }
    const earlier = this.#startedHere.get(runId);
    if (earlier !== undefined) {
      const failed = await earlier.then(
        () => false,
        () => true,
      );
      return failed ? this.start(runId, machine, input) : 'exists';
    }
    const begun = DBOS.startWorkflow(this.#workflow, { workflowID: runId, workflowIDReusePolicy: 'reject' })({
      machine,
      version,
      input,
    });
    this.#startedHere.set(runId, begun);
    try {
      await begun;
      return 'started';
    } catch (error) {
      this.#startedHere.delete(runId);
      if (DBOSError.isWorkflowIDInUseError(error)) return 'exists';
      throw new AppError('unavailable', `Run ${runId} was not started: ${String(error)}`, {
        cause: error,
        retryable: true,
      });
    }
  }

  async signal(runId: string, signalId: string, name: string, payload: JsonObject): Promise<void> {
    this.#assertOpen();
    await this.#journal.post(runId, signalId, name, JSON.stringify(payload));
    this.#drivers.get(runId)?.push(await this.#journal.waiting([runId]));
  }

  async status(runId: string): Promise<RunStatus> {
    const [found] = await DBOS.listWorkflows({ workflowIDs: [runId], workflowName: WORKFLOW_NAME });
    if (found === undefined) return { kind: 'absent' };
    if (found.status === 'SUCCESS') return { kind: 'ended', result: found.output as JsonObject };
    const reason = this.#stuck.get(runId) ?? this.#whyStuck(found);
    return reason === null ? { kind: 'running' } : { kind: 'stuck', reason };
  }

  async wait(runId: string, signal: AbortSignal): Promise<RunStatus> {
    let pauseMs = WAIT_POLL_MS;
    for (;;) {
      if (signal.aborted) throw new AppError('cancelled', `Nobody waits for run ${runId} any more.`);
      const status = await this.status(runId);
      if (status.kind !== 'running') return status;
      if (await this.#pause(runId, pauseMs, signal)) pauseMs = RECORD_POLL_MS;
    }
  }

  async recover(): Promise<{ readonly resumed: number; readonly stuck: number }> {
    this.#assertOpen();
    const found = await DBOS.listWorkflows({ workflowName: WORKFLOW_NAME, status: [...UNFINISHED] });
    const earlier = found.filter((run) => !this.#startedHere.has(run.workflowID));
    const stuck = earlier.filter((run) => this.#whyStuck(run) !== null);
    for (const run of stuck) {
      this.#options.logger?.error('A run cannot go on', {
        run_id: run.workflowID,
        reason: this.#whyStuck(run),
      });
    }
    this.#released.resolve();
    return { resumed: earlier.length - stuck.length, stuck: stuck.length };
  }

  close(drainMs: number): Promise<void> {
    this.#closing ??= this.#close(drainMs);
    return this.#closing;
  }

  async #close(drainMs: number): Promise<void> {
    if (this.#poll !== null) clearTimeout(this.#poll);
    for (const driver of this.#drivers.values()) driver.drain();
    const until = performance.now() + drainMs;
    while ([...this.#drivers.values()].some((driver) => driver.busy) && performance.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const reason = new AppError('cancelled', 'The engine is closing; the run goes on when it starts again.');
    for (const driver of this.#drivers.values()) driver.leave(reason);
    await this.#journal.close();
    await DBOS.shutdown({ deregister: true });
  }

  /** The body of every run. It returns only when the run has ended: left alone, DBOS keeps the run pending. */
  async #execute({ machine: name, version, input }: RunInput): Promise<JsonObject> {
    const runId = DBOS.workflowID;
    const machine = this.#machines.get(name);
    if (runId === undefined || machine === undefined || machine.version !== version) return forever();
    if (!this.#startedHere.has(runId)) await this.#released.promise;
    if (this.#closing !== null) return forever();
    const deps = this.#options;
    const driver = new RunDriver(
      {
        journal: this.#journal,
        activities: deps.activities,
        clock: deps.clock,
        logger: deps.logger,
        abortGraceMs: deps.abortGraceMs ?? 10_000,
      },
      runId,
      randomUUID(),
    );
    const ending = Promise.withResolvers<void>();
    this.#endings.set(runId, ending);
    this.#drivers.set(runId, driver);
    const end = await driver.drive(machine, input);
    if (end.kind === 'ended') {
      this.#drivers.delete(runId);
      this.#startedHere.delete(runId);
      this.#endings.delete(runId);
      ending.resolve();
      return end.result;
    }
    if (end.kind === 'stuck') {
      this.#stuck.set(runId, end.reason);
      deps.logger?.error('A run cannot go on', { run_id: runId, reason: end.reason });
    }
    return forever();
  }

  #whyStuck(run: WorkflowStatus): string | null {
    if (!UNFINISHED.some((status) => status === run.status)) {
      return `Run ${run.workflowID} was ended from outside: its workflow is ${run.status}.`;
    }
    if (run.applicationVersion !== APPLICATION_VERSION) {
      return `Run ${run.workflowID} was begun by an engine of version ${run.applicationVersion}, this is ${APPLICATION_VERSION}; finish it with the build that began it.`;
    }
    const input = run.input?.[0] as RunInput | undefined;
    if (input === undefined) return `Run ${run.workflowID} has lost its input.`;
    const known = this.#machines.get(input.machine)?.version;
    if (known === input.version) return null;
    const have = known === undefined ? 'has no such machine' : `has version ${known}`;
    return `Run ${run.workflowID} needs machine ${input.machine} version ${input.version}; this build ${have}. Finish it with the build that began it.`;
  }

  #schedulePoll(): void {
    const again = (): void => {
      void this.#pollMailbox().finally(() => {
        if (this.#closing === null) this.#schedulePoll();
      });
    };
    this.#poll = setTimeout(again, this.#options.mailboxPollMs ?? 1000);
    this.#poll.unref();
  }

  async #pollMailbox(): Promise<void> {
    try {
      for (const signal of await this.#journal.waiting([...this.#drivers.keys()])) {
        this.#drivers.get(signal.runId)?.push([signal]);
      }
    } catch (error) {
      this.#options.logger?.warn('The mailbox could not be read; trying again', { error: String(error) });
    }
  }

  /** True when the run's body returned here meanwhile; DBOS records its result right after. */
  async #pause(runId: string, pauseMs: number, signal: AbortSignal): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => resolve(false), pauseMs);
    const onAbort = (): void => resolve(false);
    signal.addEventListener('abort', onAbort, { once: true });
    void this.#endings.get(runId)?.promise.then(() => resolve(true));
    const ended = await promise;
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
    return ended;
  }

  #assertOpen(): void {
    if (this.#closing !== null) throw new AppError('unavailable', 'The durable engine is closing.');
  }
}

/** Never settles, so that DBOS records no outcome; the process's end or garbage collection takes it. */
function forever(): Promise<never> {
  return new Promise(() => undefined);
}
