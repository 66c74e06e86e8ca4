/**
 * Owner: this process; DBOS is one a process, so is the engine. Boundary: DBOS 5 over a `pg` pool, and `durable`.
 * Invariants:
 * 1. DBOS keeps a run's existence, input and result; `durable` keeps what the run heard and who drives it.
 * 2. A run is driven under a hold of `durable.runs`: one that this process began, or one that it took from the dead.
 * 3. A run that cannot go on is never ended by that: DBOS keeps it pending, and `status` says stuck and why.
 * 4. DBOS sees one constant application version; what a history needs is the machine's version in the run's input.
 * 5. No DBOS call depends on order, since a run makes none between its start and its result.
 */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Clock, JsonObject, Logger } from '@carapulse/kernel';
import { AppError } from '@carapulse/kernel';
import type { ActivityHandler, DurableEngine, Machine, RunHistory, RunStatus } from '@carapulse/workflows';
import { DBOS } from '@dbos-inc/dbos-sdk';
import type { Pool } from 'pg';
import type { DbosRun, RunInput } from './dbos-runs.ts';
import { DbosRuns, forever } from './dbos-runs.ts';
import { Endings } from './endings.ts';
import { Hints } from './hints.ts';
import { createJournalSchema } from './journal-schema.ts';
import { Journal } from './journal.ts';
import { Lease } from './lease.ts';
import { drivable, MachineFit } from './machine-fit.ts';
import type { DriveEnd } from './run-driver.ts';
import { RunDriver } from './run-driver.ts';
import { recordedHistory } from './recorded-history.ts';
import type { HeldRun } from './run-holds.ts';
import { RunHolds } from './run-holds.ts';
import { within } from './within.ts';

export interface DbosEngineOptions {
  /** Stays the caller's: the engine never ends it. Over PGlite its maximum is one client. */
  readonly pool: Pool;
  readonly machines: readonly Machine<unknown>[];
  readonly activities: Readonly<Record<string, ActivityHandler>>;
  readonly clock: Clock;
  readonly logger?: Logger;
  /**
   * How long after its last sign of life a process's runs are taken over by another. Null, the default, for a process
   * that is the only one on its database and knows that by other means: it takes all runs as soon as it recovers.
   */
  readonly leaseMs?: number | null;
  /** How often signals and runs of dead processes are looked for when nothing tells of them. Default 1,000 ms. */
  readonly pollMs?: number;
  /** How long an aborted activity may go on before its outcome is called unknown. Default 10,000 ms. */
  readonly abortGraceMs?: number;
}

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
  readonly #drivers = new Map<string, RunDriver>();
  /** Runs begun by this process, as long as their first hold lasts; none of them waits for `recover`. */
  readonly #startedHere = new Map<string, Promise<unknown>>();
  /** Runs held here that can't go on; they aren't taken again. */
  readonly #stuckHere = new Map<string, string>();
  readonly #endings = new Endings();
  #recovered = false;
  #loose = false; // Something of ours is to be taken up again.
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
      machines: machines.map(drivable),
      leaseMs,
      onMissed: () => this.#leaveAll(new AppError('fenced', 'The lease of this process was not renewed.')),
      onRenewed: () => void this.#leaveLost(),
    });
    this.#hints =
      leaseMs === null
        ? null
        : new Hints(pool, {
            onSignal: (runId) => void this.#deliver([runId]).catch(() => undefined),
            onFree: () => void this.#pass(),
          });
  }

  async open(): Promise<void> {
    const { pool, logger } = this.#options;
    await createJournalSchema(pool);
    await this.#lease.open();
    await this.#hints?.listen();
    await this.#runs.launch(pool, this.#process, logger, this.#hints !== null, (runId, input) =>
      this.#execute(runId, input),
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
    const version = this.#fit.machine(machine)?.version;
    if (version === undefined) {
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
    const begun = this.#runs.start(runId, { machine, version, input }).then((answer) => {
      if (answer === 'exists') this.#startedHere.delete(runId);
      return answer;
    });
    this.#startedHere.set(runId, begun);
    try {
      return await begun;
    } catch (error) {
      this.#startedHere.delete(runId);
      throw error;
    }
  }

  async signal(runId: string, signalId: string, name: string, payload: JsonObject): Promise<void> {
    this.#assertOpen();
    await this.#journal.post(runId, signalId, name, JSON.stringify(payload));
    if (this.#drivers.has(runId)) await this.#deliver([runId]);
  }

  async status(runId: string): Promise<RunStatus> {
    const [found] = await this.#runs.find([runId]);
    if (found === undefined) return { kind: 'absent' };
    if (found.status === 'SUCCESS') return { kind: 'ended', result: found.output as JsonObject };
    const note = (await this.#holds.notes([runId])).get(runId);
    if (note !== undefined && note.result !== null) return { kind: 'ended', result: note.result };
    const reason = note?.stuck ?? this.#stuckHere.get(runId) ?? (await this.#fit.whyStuck(found));
    return reason === null ? { kind: 'running' } : { kind: 'stuck', reason };
  }

  history(runId: string): Promise<RunHistory | null> {
    return recordedHistory(runId, this.#runs, this.#holds, this.#journal);
  }

  async wait(runId: string, signal: AbortSignal): Promise<RunStatus> {
    let pauseMs = WAIT_POLL_MS;
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
    const drivers = new Map(this.#drivers);
    for (const driver of drivers.values()) driver.drain();
    await within(drainMs, () => ![...drivers.values()].some((driver) => driver.busy));
    this.#leaveAll(new AppError('cancelled', 'The engine is closing; the run goes on when it starts again.'));
    await this.#journal.close();
    // What still acts must not meet its successor: such a run waits until the lease ends.
    const acting = (): string[] => [...drivers].filter(([, driver]) => driver.acting).map(([runId]) => runId);
    if (this.#hints !== null) await within(RETURN_MS, () => acting().length === 0);
    this.#lease.close();
    this.#hints?.close();
    await this.#holds.giveUp(this.#hints === null ? [] : acting()).catch((error: unknown) =>
      this.#options.logger?.warn('Runs could not be given up; they are taken over when the lease ends', {
        error: String(error),
      }),
    );
    await DBOS.shutdown({ deregister: true });
  }

  /** What DBOS calls: for a run that was begun here, and to record a result that is kept already. */
  async #execute(runId: string, input: RunInput): Promise<JsonObject> {
    const held = this.#startedHere.has(runId) && this.#closing === null ? await this.#begin(runId) : null;
    const end: DriveEnd | null = held === null ? null : await this.#drive(held, input);
    this.#startedHere.delete(runId);
    if (end === null) return (await this.#kept(runId)) ?? forever();
    if (end.kind !== 'ended') return forever();
    this.#endings.tell(runId);
    return end.result;
  }

  async #kept(runId: string): Promise<JsonObject | null> {
    try {
      return (await this.#holds.notes([runId])).get(runId)?.result ?? null;
    } catch {
      this.#loose = true;
      return null;
    }
  }

  async #begin(runId: string): Promise<HeldRun | null> {
    try {
      return await this.#holds.begin(runId, this.#options.clock.nowMs());
    } catch (error) {
      this.#options.logger?.warn('A run could not be begun; it is taken up again', {
        run_id: runId,
        error: String(error),
      });
      this.#loose = true;
      return null;
    }
  }

  async #drive(held: HeldRun, { machine: name, input }: RunInput): Promise<DriveEnd> {
    const { runId } = held;
    const machine = this.#fit.machine(name);
    if (machine === undefined || this.#closing !== null) return { kind: 'left' };
    const { activities, clock, logger, abortGraceMs = 10_000 } = this.#options;
    const driver = new RunDriver(
      { journal: this.#journal, activities, clock, logger, abortGraceMs, mayStart: () => this.#lease.lives },
      held,
    );
    this.#endings.expect(runId);
    this.#drivers.set(runId, driver);
    const end = await driver.drive(machine, input);
    this.#drivers.delete(runId);
    if (end.kind === 'left') this.#loose = true;
    if (end.kind === 'stuck') {
      this.#stuckHere.set(runId, end.reason);
      this.#fit.tellStuck(runId, end.reason);
      await this.#holds.stick(runId, held.hold, end.reason).catch((error: unknown) =>
        logger?.warn('Other processes could not be told that a run is stuck', {
          run_id: runId,
          error: String(error),
        }),
      );
    }
    return end;
  }

  /** Drives a run that was taken over; its result is kept under the hold first, then recorded by DBOS. */
  async #goOn(held: HeldRun, input: RunInput): Promise<void> {
    const { runId, hold } = held;
    const end = await this.#drive(held, input);
    if (end.kind !== 'ended') return;
    try {
      if (await this.#holds.end(runId, hold, end.result)) await this.#runs.recordLater(runId);
    } catch (error) {
      this.#options.logger?.warn('A result could not be kept; the run is taken up again', {
        run_id: runId,
        error: String(error),
      });
      this.#loose = true;
    }
    this.#endings.tell(runId);
  }

  /** One pass: takes up whatever nobody drives and this process can. */
  async #takeOver(): Promise<{ readonly resumed: number; readonly stuck: number }> {
    this.#loose = false;
    const unfinished = (await this.#runs.unfinished()).filter(
      ({ runId }) =>
        !this.#startedHere.has(runId) && !this.#drivers.has(runId) && !this.#stuckHere.has(runId),
    );
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
      void this.#goOn(held, input);
    }
    return { resumed, stuck };
  }

  #leaveAll(reason: AppError): void {
    for (const driver of this.#drivers.values()) driver.leave(reason);
  }

  /** After a renewal: a machine that was suspended may not have noticed that its runs have gone. */
  async #leaveLost(): Promise<void> {
    const held = new Map([...this.#drivers].map(([runId, driver]) => [runId, driver.hold]));
    try {
      for (const runId of await this.#holds.lost(held)) {
        const driver = this.#drivers.get(runId);
        if (driver?.hold.epoch === held.get(runId)?.epoch)
          driver?.leave(new AppError('fenced', `Run ${runId} is driven by another process now.`));
      }
    } catch (error) {
      this.#options.logger?.warn('It could not be seen which runs are still held', { error: String(error) });
    }
  }

  #schedulePoll(): void {
    this.#poll = setTimeout(() => {
      void this.#pass().finally(() => {
        if (this.#closing === null) this.#schedulePoll();
      });
    }, this.#options.pollMs ?? 1000);
    this.#poll.unref();
  }

  /** Looks for mail and for runs that nobody drives; one pass at a time. */
  #pass(): Promise<void> {
    const pass = async (): Promise<void> => {
      if (this.#closing !== null) return;
      try {
        await this.#hints?.listen();
        await this.#deliver([...this.#drivers.keys()]);
        if (this.#recovered && (this.#loose || this.#hints !== null) && this.#lease.lives)
          await this.#takeOver();
      } catch (error) {
        this.#loose = true;
        this.#options.logger?.warn('Runs and signals could not be looked for; trying again', {
          error: String(error),
        });
      }
    };
    const next = this.#passes.then(pass);
    this.#passes = next;
    return next;
  }

  async #deliver(runIds: readonly string[]): Promise<void> {
    const here = runIds.filter((runId) => this.#drivers.has(runId));
    for (const signal of await this.#journal.waiting(here)) this.#drivers.get(signal.runId)?.push([signal]);
  }

  #assertOpen(): void {
    if (this.#closing !== null) throw new AppError('unavailable', 'The durable engine is closing.');
  }
}
