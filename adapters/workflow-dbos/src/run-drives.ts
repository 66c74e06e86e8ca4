/**
 * Owner: one engine. Boundary: the runs that this process drives, from the first hold to their result.
 * Invariants:
 * 1. A run has one driver at a time, under one hold.
 * 2. The result of a run that was taken over is kept under its hold first, then recorded by DBOS.
 * 3. What was left, or could not be begun or kept, makes the engine look again.
 */
import type { JsonObject } from '@carapulse/kernel';
import { AppError } from '@carapulse/kernel';
import type { DbosEngineOptions } from './dbos-engine-options.ts';
import type { DbosRuns, RunInput } from './dbos-runs.ts';
import { forever } from './dbos-runs.ts';
import type { Endings } from './endings.ts';
import type { Journal } from './journal.ts';
import type { MachineFit } from './machine-fit.ts';
import type { DriveEnd, DriverDeps } from './run-driver.ts';
import { RunDriver } from './run-driver.ts';
import type { HeldRun, RunHolds } from './run-holds.ts';
import { Quarantine } from './suspects.ts';

export interface RunDrivesDeps
  extends
    Pick<DbosEngineOptions, 'activities' | 'clock' | 'logger' | 'abortGraceMs' | 'snapshotEvery'>,
    Pick<DriverDeps, 'mayStart' | 'watchChild'> {
  readonly runs: DbosRuns;
  readonly journal: Journal;
  readonly holds: RunHolds;
  readonly fit: MachineFit;
  readonly endings: Endings;
}

/** The drivers there were when the process began to close. */
export interface Draining {
  readonly busy: boolean;
  /** Runs of which the handler of an activity has not returned. */
  readonly acting: readonly string[];
}

const ABORT_GRACE_MS = 10_000;
/** Often enough that a recovery is short; a run of a plan hardly ever gets there. */
const SNAPSHOT_EVERY = 1000;

export class RunDrives {
  readonly #deps: RunDrivesDeps;
  readonly #driverDeps: DriverDeps;
  readonly #drivers = new Map<string, RunDriver>();
  /** Runs begun by this process, as long as their first hold lasts; none of them waits for `recover`. */
  readonly #startedHere = new Map<string, Promise<unknown>>();
  /** Runs held here that can't go on; they aren't taken again. */
  readonly #stuckHere = new Map<string, string>();
  #closing = false;
  /** Something of ours is to be taken up again. */
  loose = false;

  constructor(deps: RunDrivesDeps) {
    const { logger, abortGraceMs = ABORT_GRACE_MS, snapshotEvery = SNAPSHOT_EVERY } = deps;
    this.#deps = deps;
    this.#driverDeps = { ...deps, logger, abortGraceMs, snapshotEvery, quarantine: new Quarantine() };
  }

  /** True for a run that needs no taking over by this process. */
  knows(runId: string): boolean {
    return this.#startedHere.has(runId) || this.#drivers.has(runId) || this.#stuckHere.has(runId);
  }

  whyStuck(runId: string): string | undefined {
    return this.#stuckHere.get(runId);
  }

  async startHere(runId: string, order: RunInput): Promise<'started' | 'exists'> {
    const earlier = this.#startedHere.get(runId);
    if (earlier !== undefined) {
      const failed = await earlier.then(
        () => false,
        () => true,
      );
      return failed ? this.startHere(runId, order) : 'exists';
    }
    const begun = this.#deps.runs.start(runId, order).then((answer) => {
      if (answer === 'exists') {
        this.#startedHere.delete(runId);
        // It may be ours, of a try whose answer was lost.
        this.loose = true;
      }
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

  /** What DBOS calls: for a run that was begun here, and to record a result that is kept already. */
  async execute(runId: string, input: RunInput): Promise<JsonObject> {
    const held = this.#startedHere.has(runId) && !this.#closing ? await this.#begin(runId) : null;
    const end: DriveEnd | null = held === null ? null : await this.#drive(held, input);
    this.#startedHere.delete(runId);
    if (end === null) return (await this.#kept(runId)) ?? forever();
    if (end.kind !== 'ended') return forever();
    this.#deps.endings.tell(runId);
    return end.result;
  }

  /** Drives a run that was taken over. */
  async goOn(held: HeldRun, input: RunInput): Promise<void> {
    const { runId, hold } = held;
    const { holds, runs, endings } = this.#deps;
    const end = await this.#drive(held, input);
    if (end.kind !== 'ended') return;
    try {
      if (await holds.end(runId, hold, end.result)) await runs.recordLater(runId);
    } catch (error) {
      this.#warn('A result could not be kept; the run is taken up again', error, runId);
      this.loose = true;
    }
    endings.tell(runId);
  }

  /** Hands what waits in the mailbox to the runs that are driven here; to all of them when none is named. */
  async deliver(runIds: readonly string[] = [...this.#drivers.keys()]): Promise<void> {
    const here = runIds.filter((runId) => this.#drivers.has(runId));
    for (const signal of await this.#deps.journal.waiting(here))
      this.#drivers.get(signal.runId)?.push([signal]);
  }

  /** Begins nothing more. What is under way may end. */
  drain(): Draining {
    this.#closing = true;
    const drivers = new Map(this.#drivers);
    for (const driver of drivers.values()) driver.drain();
    return {
      get busy() {
        return [...drivers.values()].some((driver) => driver.busy);
      },
      get acting() {
        return [...drivers].filter(([, driver]) => driver.acting).map(([runId]) => runId);
      },
    };
  }

  leaveAll(reason: AppError): void {
    for (const driver of this.#drivers.values()) driver.leave(reason);
  }

  /** After a renewal: a machine that was suspended may not have noticed that its runs have gone. */
  async leaveLost(): Promise<void> {
    const held = new Map([...this.#drivers].map(([runId, driver]) => [runId, driver.hold]));
    try {
      for (const runId of await this.#deps.holds.lost(held)) {
        const driver = this.#drivers.get(runId);
        if (driver?.hold.epoch === held.get(runId)?.epoch)
          driver?.leave(new AppError('fenced', `Run ${runId} is driven by another process now.`));
      }
    } catch (error) {
      this.#deps.logger?.warn('It could not be seen which runs are still held', { error: String(error) });
    }
  }

  async #drive(held: HeldRun, input: RunInput): Promise<DriveEnd> {
    const { runId } = held;
    const { fit, endings, holds } = this.#deps;
    const machine = fit.machine(input.machine);
    if (machine === undefined || this.#closing) return { kind: 'left' };
    const driver = new RunDriver(this.#driverDeps, held);
    endings.expect(runId);
    this.#drivers.set(runId, driver);
    const end = await driver.drive(machine, input);
    this.#drivers.delete(runId);
    if (end.kind === 'left') this.loose = true;
    if (end.kind === 'stuck') {
      this.#stuckHere.set(runId, end.reason);
      fit.tellStuck(runId, end.reason);
      await holds
        .stick(runId, held.hold, end.reason)
        .catch((error: unknown) =>
          this.#warn('Other processes could not be told that a run is stuck', error, runId),
        );
    }
    return end;
  }

  async #begin(runId: string): Promise<HeldRun | null> {
    try {
      return await this.#deps.holds.begin(runId, this.#deps.clock.nowMs());
    } catch (error) {
      this.#warn('A run could not be begun; it is taken up again', error, runId);
      this.loose = true;
      return null;
    }
  }

  async #kept(runId: string): Promise<JsonObject | null> {
    try {
      return (await this.#deps.holds.notes([runId])).get(runId)?.result ?? null;
    } catch {
      this.loose = true;
      return null;
    }
  }

  #warn(message: string, error: unknown, runId: string): void {
    this.#deps.logger?.warn(message, { run_id: runId, error: String(error) });
  }
}
