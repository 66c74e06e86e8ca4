/**
 * Owner: one process. Boundary: its row in `durable.processes`, the monotonic clock.
 * Invariants:
 * 1. How long a lease lives is said by the database's clock alone, both when it is renewed and when it is judged.
 * 2. `lives` is false before the database may call the lease ended: it counts a part of it from before it was asked for.
 * 3. A lease that was missed is told once; when it can be renewed again, what was held under it has been left.
 */
import type { Clock, Logger } from '@carapulse/kernel';
import type { Pool } from 'pg';

export interface LeaseOptions {
  readonly pool: Pool;
  readonly clock: Clock;
  readonly logger: Logger | undefined;
  readonly process: string;
  /** `name@version` of each machine that this process can drive. */
  readonly machines: readonly string[];
  /** Null for a process that is alone by other means: its lease never ends, and nobody else's counts. */
  readonly leaseMs: number | null;
  /** The lease was missed. Everything held under it is to be left before this returns. */
  readonly onMissed: () => void;
  /** It was renewed, or renewed again. */
  readonly onRenewed: () => void;
}

const RENEWALS_A_LEASE = 5;
/** The part of a lease that is used; the rest is for ending what is under way. */
const USED = 0.75;

export class Lease {
  readonly #options: LeaseOptions;
  #endMs = Number.NEGATIVE_INFINITY;
  #missed = false;
  #renewing: NodeJS.Timeout | undefined;
  #watching: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: LeaseOptions) {
    this.#options = options;
  }

  get lives(): boolean {
    return this.#options.clock.monotonicMs() < this.#endMs;
  }

  async open(): Promise<void> {
    const { pool, leaseMs, process, machines } = this.#options;
    if (leaseMs === null) {
      await pool.query(`DELETE FROM durable.processes`);
      await pool.query(
        `INSERT INTO durable.processes (process, machines, lease_until) VALUES ($1, $2, 'infinity')`,
        [process, machines],
      );
      this.#endMs = Number.POSITIVE_INFINITY;
      return;
    }
    await this.#renew(leaseMs);
    this.#schedule(leaseMs);
  }

  /** Ends the renewals; the row stays the caller's to remove. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#renewing);
    clearTimeout(this.#watching);
    this.#endMs = Number.NEGATIVE_INFINITY;
  }

  async #renew(leaseMs: number): Promise<void> {
    const { pool, clock, process, machines, onRenewed } = this.#options;
    const askedMs = clock.monotonicMs();
    // Waits for a takeover that has this row locked: what was taken is gone before the lease lives again.
    await pool.query(
      `INSERT INTO durable.processes (process, machines, lease_until)
       VALUES ($1, $2, clock_timestamp() + $3 * interval '1 millisecond')
       ON CONFLICT (process) DO UPDATE SET lease_until = clock_timestamp() + $3 * interval '1 millisecond'`,
      [process, machines, leaseMs],
    );
    if (this.#closed) return;
    // The answer may have come so late that what was held must be left first.
    this.#look();
    this.#endMs = askedMs + leaseMs * USED;
    this.#missed = !this.lives;
    this.#watch();
    if (!this.#missed) onRenewed();
  }

  #schedule(leaseMs: number): void {
    if (this.#closed) return;
    this.#renewing = setTimeout(() => {
      this.#renew(leaseMs)
        .catch((error: unknown) =>
          this.#options.logger?.warn('The lease on runs could not be renewed; trying again', {
            error: String(error),
          }),
        )
        .finally(() => this.#schedule(leaseMs));
    }, leaseMs / RENEWALS_A_LEASE);
    this.#renewing.unref();
  }

  /** Timers may come late, after a pause of the whole process: the clock is what counts, here and in `lives`. */
  #watch(): void {
    clearTimeout(this.#watching);
    const leftMs = Math.max(0, Math.ceil(this.#endMs - this.#options.clock.monotonicMs()));
    this.#watching = setTimeout(() => this.#look(), leftMs);
    this.#watching.unref();
  }

  #look(): void {
    if (this.#closed || this.#missed || this.#endMs === Number.NEGATIVE_INFINITY) return;
    if (this.lives) return;
    this.#missed = true;
    this.#options.logger?.error(
      'The lease on runs could not be renewed in time; this process leaves its runs and starts nothing',
      { process: this.#options.process },
    );
    this.#options.onMissed();
  }
}
