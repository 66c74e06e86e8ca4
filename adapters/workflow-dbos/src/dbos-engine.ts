/**
 * Owner: this process; DBOS is one a process, so is the engine. Boundary: DBOS 5 over a `pg` pool, and `durable`.
 * Invariants:
 * 1. DBOS keeps a run's existence, input and result; `durable` keeps what the run heard and who drives it.
 * 2. A run is driven under a hold of `durable.runs`: one that this process began, or one that it took from the dead.
 * 3. A run that cannot go on is never ended by that: DBOS keeps it pending, and `status` says stuck and why.
 * 4. DBOS sees one constant application version; what a history needs is the machine's version in the run's input.
 * 5. No DBOS call depends on order, since a run makes none between its start and its result: what is asked of DBOS for
 *    its children is asked outside of its workflow.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { JsonObject } from '@carapulse/kernel';
import { AppError } from '@carapulse/kernel';
import type { ChildOrder, ChildOutcome, DurableEngine, RunHistory, RunStatus } from '@carapulse/workflows';
import { watchChild } from '@carapulse/workflows';
import { DBOS } from '@dbos-inc/dbos-sdk';
import { after } from './after.ts';
import type { DbosEngineOptions } from './dbos-engine-options.ts';
import type { DbosRun } from './dbos-runs.ts';
import { DbosRuns } from './dbos-runs.ts';
import { Endings } from './endings.ts';
import { Hints } from './hints.ts';
import { createJournalSchema } from './journal-schema.ts';
import { Journal } from './journal.ts';
import { Lease } from './lease.ts';
import { drivable, MachineFit } from './machine-fit.ts';
import { recordedHistory } from './recorded-history.ts';
import { RunDrives } from './run-drives.ts';
import { RunHolds } from './run-holds.ts';
import { within } from './within.ts';

const POLL_MS = 1000;
const WAIT_POLL_MS = 200;
const RECORD_POLL_MS = 5;
/** How long the handlers of aborted activities may take to return, before their runs wait for the lease to end. */
const RETURN_MS = 250;

/**
 * A durable engine on DBOS. One at a time in a process; runs of other processes wait until `recover`.
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
    engine.abandon();
    await DBOS.shutdown({ deregister: true });
    throw error;
  }
  return engine;
}

class DbosEngine implements DurableEngine {
  readonly #options: DbosEngineOptions;
  readonly #runs = new DbosRuns();
  readonly #journal: Journal;
  readonly #holds: RunHolds;
  readonly #lease: Lease;
  readonly #hints: Hints | null;
  /** Never that of another process; its beginning is for people. */
  readonly #process = `carapulse ${process.pid}@${hostname()} ${randomUUID()}`;
  readonly #fit: MachineFit;
  readonly #drives: RunDrives;
  readonly #endings = new Endings();
  /** Out of the workflow in which a run is driven. */
  readonly #outside = AsyncLocalStorage.snapshot();
  #recovered = false;
  #passes: Promise<unknown> = Promise.resolve();
  #poll: NodeJS.Timeout | null = null;
  #closing: Promise<void> | null = null;

  constructor(options: DbosEngineOptions) {
    const { pool, clock, logger, machines, leaseMs = null } = options;
    this.#options = options;
    this.#journal = new Journal(pool, logger);
    this.#holds = new RunHolds(pool, this.#process);
    this.#fit = new MachineFit(machines, logger, () => this.#holds.drivable());
    this.#lease = new Lease({
      pool,
      clock,
      logger,
      process: this.#process,
      machines: machines.flatMap(drivable),
      leaseMs,
      onMissed: () =>
        this.#drives.leaveAll(new AppError('fenced', 'The lease of this process was not renewed.')),
      onRenewed: () => void this.#drives.leaveLost(),
    });
    this.#drives = new RunDrives({
      ...options,
      runs: this.#runs,
      journal: this.#journal,
      holds: this.#holds,
      fit: this.#fit,
      endings: this.#endings,
      mayStart: () => this.#lease.lives,
      watchChild: (order, signal) => this.#outside(() => this.#watchChild(order, signal)),
    });
    this.#hints =
      leaseMs === null
        ? null
        : new Hints(pool, {
            onSignal: (runId) => void this.#drives.deliver([runId]).catch(() => undefined),
            onFree: () => void this.#pass(),
          });
  }

  async open(): Promise<void> {
    const { pool, logger } = this.#options;
    await createJournalSchema(pool);
    await this.#lease.open();
    await this.#hints?.listen();
    await this.#runs.launch(pool, this.#process, logger, this.#hints !== null, (runId, input) =>
      this.#drives.execute(runId, input),
    );
    this.#schedulePoll();
  }

  /** Of an engine that could not be opened: ends what it began. */
  abandon(): void {
    this.#lease.close();
    this.#hints?.close();
  }

  async start(runId: string, machine: string, input: JsonObject): Promise<'started' | 'exists'> {
    this.#assertOpen();
    const known = this.#fit.machine(machine);
    if (known === undefined) {
      throw new AppError('not_supported', `No machine is called ${machine}; this build cannot run ${runId}.`);
    }
    const { version, patches = [] } = known;
    const order = { machine, version, input, ...(patches.length > 0 && { patches }) };
    return this.#drives.startHere(runId, order);
  }

  async signal(runId: string, signalId: string, name: string, payload: JsonObject): Promise<void> {
    this.#assertOpen();
    await this.#journal.post(runId, signalId, name, JSON.stringify(payload));
    await this.#drives.deliver([runId]);
  }

  async status(runId: string): Promise<RunStatus> {
    const [found] = await this.#runs.find([runId]);
    if (found === undefined) return { kind: 'absent' };
    if (found.status === 'SUCCESS') return { kind: 'ended', result: found.output as JsonObject };
    const note = (await this.#holds.notes([runId])).get(runId);
    if (note !== undefined && note.result !== null) return { kind: 'ended', result: note.result };
    const reason = note?.stuck ?? this.#drives.whyStuck(runId) ?? (await this.#fit.whyStuck(found));
    return reason === null ? { kind: 'running' } : { kind: 'stuck', reason };
  }

  history(runId: string): Promise<RunHistory | null> {
    return recordedHistory(runId, this.#runs, this.#holds, this.#journal);
  }

  wait(runId: string, signal: AbortSignal): Promise<RunStatus> {
    return this.#wait(runId, signal, WAIT_POLL_MS);
  }

  async #wait(runId: string, signal: AbortSignal, pollMs: number): Promise<RunStatus> {
    let pauseMs = pollMs;
    for (;;) {
      if (signal.aborted) throw new AppError('cancelled', `Nobody waits for run ${runId} any more.`);
      const status = await this.status(runId);
      if (status.kind !== 'running') return status;
      if (await this.#endings.pause(runId, pauseMs, signal)) pauseMs = RECORD_POLL_MS;
    }
  }

  async recover(): Promise<{ readonly resumed: number; readonly stuck: number }> {
    this.#assertOpen();
    this.#recovered = true;
    const pass = this.#passes.then(() => this.#takeOver());
    this.#passes = pass.catch(() => undefined);
    return pass;
  }

  close(drainMs: number): Promise<void> {
    this.#closing ??= this.#close(drainMs);
    return this.#closing;
  }

  async #close(drainMs: number): Promise<void> {
    if (this.#poll !== null) clearTimeout(this.#poll);
    await this.#passes;
    const stopped = this.#drives.drain();
    await within(drainMs, () => !stopped.busy);
    this.#drives.leaveAll(
      new AppError('cancelled', 'The engine is closing; the run goes on when it starts again.'),
    );
    await this.#journal.close();
    // What still acts must not meet its successor: such a run waits until the lease ends.
    if (this.#hints !== null) await within(RETURN_MS, () => stopped.acting.length === 0);
    this.#lease.close();
    this.#hints?.close();
    await this.#holds.giveUp(this.#hints === null ? [] : stopped.acting).catch((error: unknown) =>
      this.#options.logger?.warn('Runs could not be given up; they are taken over when the lease ends', {
        error: String(error),
      }),
    );
    await DBOS.shutdown({ deregister: true });
  }

  async #watchChild(order: ChildOrder, signal: AbortSignal): Promise<ChildOutcome | null> {
    const { pollMs = POLL_MS } = this.#options;
    const engine = {
      start: this.start.bind(this),
      signal: this.signal.bind(this),
      wait: (runId: string, until: AbortSignal) => this.#wait(runId, until, pollMs),
    };
    return watchChild(order, { engine, signal, after });
  }

  /** One pass: takes up whatever nobody drives and this process can. */
  async #takeOver(): Promise<{ readonly resumed: number; readonly stuck: number }> {
    this.#drives.loose = false;
    const unfinished = (await this.#runs.unfinished()).filter(({ runId }) => !this.#drives.knows(runId));
    const orphans = await this.#holds.orphans(unfinished);
    const found = await this.#runs.find([...orphans]);
    const notes = await this.#holds.notes([...orphans]);
    const takeable: DbosRun[] = [];
    let [resumed, stuck] = [0, 0];
    for (const run of found) {
      if ((notes.get(run.runId)?.result ?? null) !== null) {
        if (run.status === 'PENDING') await this.#runs.recordLater(run.runId);
        continue;
      }
      const reason = await this.#fit.whyStuck(run);
      if (reason !== null) {
        stuck += 1;
        this.#fit.tellStuck(run.runId, reason);
      } else if (run.input !== null && this.#fit.canDrive(run.input)) takeable.push(run);
    }
    if (!this.#lease.lives || this.#closing !== null) return { resumed, stuck };
    for (const held of await this.#holds.take(takeable, this.#options.clock.nowMs())) {
      const input = takeable.find((run) => run.runId === held.runId)?.input ?? null;
      if (input === null) continue;
      resumed += 1;
      this.#fit.goesOn(held.runId);
      void this.#drives.goOn(held, input);
    }
    return { resumed, stuck };
  }

  #schedulePoll(): void {
    this.#poll = setTimeout(() => {
      void this.#pass().finally(() => {
        if (this.#closing === null) this.#schedulePoll();
      });
    }, this.#options.pollMs ?? POLL_MS);
    this.#poll.unref();
  }

  /** Looks for mail and for runs that nobody drives; one pass at a time. */
  #pass(): Promise<void> {
    const pass = async (): Promise<void> => {
      if (this.#closing !== null) return;
      try {
        await this.#hints?.listen();
        await this.#drives.deliver();
        if (this.#recovered && (this.#drives.loose || this.#hints !== null) && this.#lease.lives)
          await this.#takeOver();
      } catch (error) {
        this.#drives.loose = true;
        this.#options.logger?.warn('Runs and signals could not be looked for; trying again', {
          error: String(error),
        });
      }
    };
    const next = this.#passes.then(pass);
    this.#passes = next;
    return next;
  }

  #assertOpen(): void {
    if (this.#closing !== null) throw new AppError('unavailable', 'The durable engine is closing.');
  }
}
