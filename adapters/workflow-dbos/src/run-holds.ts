/**
 * Owner: one process. Boundary: `durable.runs`, judged by `durable.processes`.
 * Invariants:
 * 1. A run is moved only from a process whose lease has ended by the database's clock, or from ourselves; the move and
 *    the judgement are one transaction that no renewal and no other takeover can come between.
 * 2. Each move raises the run's epoch, and it never falls.
 * 3. What is written about a run names the hold under which it is written; under an older one nothing is.
 */
import type { JsonObject } from '@carapulse/kernel';
import type { Pool, PoolClient } from 'pg';
import { FREE_HINT, HINTS_CHANNEL } from './hints.ts';
import type { Hold } from './journal.ts';
import type { Suspects } from './suspects.ts';

export interface HeldRun {
  readonly runId: string;
  readonly hold: Hold;
  readonly startedAtMs: number;
  /** Nothing was heard before. */
  readonly fresh: boolean;
  /** It was taken from a process that was lost: neither from one that gave it up or was closing, nor from ourselves. */
  readonly lost: boolean;
  readonly suspects: Suspects;
}

/** A run as DBOS knows it: the executor owns it until a process holds it. */
export interface KnownRun {
  readonly runId: string;
  readonly executor: string;
}

/** What is written about a run beside its journal. */
export interface RunNote {
  readonly startedAtMs: number;
  readonly result: JsonObject | null;
  readonly stuck: string | null;
}

const TAKEOVER_LOCK = 7_203_115;
/** A process that wakes up later than this makes its row anew; it has left its runs long before. */
const FORGOTTEN = '1 day';

export class RunHolds {
  readonly #pool: Pool;
  readonly #process: string;

  constructor(pool: Pool, process: string) {
    this.#pool = pool;
    this.#process = process;
  }

  /** Holds a run that this process has just begun; null when somebody holds it already. */
  async begin(runId: string, nowMs: number): Promise<HeldRun | null> {
    const { rowCount } = await this.#pool.query(
      `INSERT INTO durable.runs (run_id, owner, epoch, started_at_ms) VALUES ($1, $2, 1, $3) ON CONFLICT DO NOTHING`,
      [runId, this.#process, nowMs],
    );
    if (rowCount !== 1) return null;
    return {
      runId,
      hold: { owner: this.#process, epoch: 1 },
      startedAtMs: nowMs,
      fresh: true,
      lost: false,
      suspects: {},
    };
  }

  /** Which of them nobody drives: their process is dead or gone, or is this one, which then lost hold of them. */
  async orphans(runs: readonly KnownRun[]): Promise<ReadonlySet<string>> {
    if (runs.length === 0) return new Set();
    const { rows } = await this.#pool.query<{ run_id: string }>(
      `SELECT a.run_id
         FROM unnest($1::text[], $2::text[]) AS a (run_id, executor)
         LEFT JOIN durable.runs r ON r.run_id = a.run_id
         LEFT JOIN durable.processes p
           ON p.process = coalesce(r.owner, a.executor) AND p.lease_until > clock_timestamp()
        WHERE p.process IS NULL OR p.process = $3`,
      [runs.map((run) => run.runId), runs.map((run) => run.executor), this.#process],
    );
    return new Set(rows.map((row) => row.run_id));
  }

  /** Takes those of the runs that nobody drives, in one statement. @returns what is held now. */
  async take(runs: readonly KnownRun[], nowMs: number): Promise<readonly HeldRun[]> {
    if (runs.length === 0) return [];
    return this.#transaction(async (client) => {
      await client.query(`SELECT pg_advisory_xact_lock(${TAKEOVER_LOCK})`);
      // Locked, so that a renewal which is under way is seen, and one that comes now waits until the runs have moved.
      const dead = await client.query<{ process: string }>(
        `SELECT process FROM durable.processes WHERE lease_until <= clock_timestamp() FOR UPDATE`,
      );
      const { rows } = await client.query<{
        run_id: string;
        epoch: unknown;
        started_at_ms: unknown;
        fresh: boolean;
        lost: boolean;
        suspects: string | null;
      }>(
        `WITH living AS (SELECT process FROM durable.processes WHERE process <> ALL ($3::text[]) AND process <> $4)
         INSERT INTO durable.runs AS r (run_id, owner, epoch, started_at_ms)
         SELECT a.run_id, $4, 1, $5
           FROM unnest($1::text[], $2::text[]) AS a (run_id, executor)
           LEFT JOIN durable.runs known ON known.run_id = a.run_id
          WHERE coalesce(known.owner, a.executor) NOT IN (SELECT process FROM living)
         ON CONFLICT (run_id) DO UPDATE SET owner = excluded.owner, epoch = r.epoch + 1, stuck = NULL,
                lost = r.owner NOT IN ('', excluded.owner) AND NOT r.closing, closing = false
           WHERE r.owner NOT IN (SELECT process FROM living)
         RETURNING run_id, epoch, started_at_ms, (xmax = 0) AS fresh, lost, suspects`,
        [
          runs.map((run) => run.runId),
          runs.map((run) => run.executor),
          dead.rows.map((row) => row.process),
          this.#process,
          nowMs,
        ],
      );
      await client.query(
        `DELETE FROM durable.processes WHERE lease_until < clock_timestamp() - interval '${FORGOTTEN}'`,
      );
      return rows.map((row) => ({
        runId: row.run_id,
        hold: { owner: this.#process, epoch: Number(row.epoch) },
        startedAtMs: Number(row.started_at_ms),
        fresh: row.fresh,
        lost: row.lost,
        suspects: row.suspects === null ? {} : (JSON.parse(row.suspects) as Suspects),
      }));
    });
  }

  /** Which of the holds are over. */
  async lost(held: ReadonlyMap<string, Hold>): Promise<readonly string[]> {
    if (held.size === 0) return [];
    const { rows } = await this.#pool.query<{ run_id: string }>(
      `SELECT h.run_id FROM unnest($1::text[], $2::bigint[]) AS h (run_id, epoch)
        WHERE NOT EXISTS (
          SELECT 1 FROM durable.runs r WHERE r.run_id = h.run_id AND r.owner = $3 AND r.epoch = h.epoch
        )`,
      [[...held.keys()], [...held.values()].map((hold) => hold.epoch), this.#process],
    );
    return rows.map((row) => row.run_id);
  }

  /** Keeps how a run ended. False when it is held otherwise now. */
  end(runId: string, hold: Hold, result: JsonObject): Promise<boolean> {
    return this.#note(runId, hold, 'result', JSON.stringify(result));
  }

  /** Says why a run can't go on, for every process to see. */
  stick(runId: string, hold: Hold, reason: string): Promise<boolean> {
    return this.#note(runId, hold, 'stuck', reason);
  }

  /** Keeps which activities may have cost processes. False when it is held otherwise now. */
  suspect(runId: string, hold: Hold, suspects: Suspects): Promise<boolean> {
    return this.#note(runId, hold, 'suspects', JSON.stringify(suspects));
  }

  async notes(runIds: readonly string[]): Promise<ReadonlyMap<string, RunNote>> {
    if (runIds.length === 0) return new Map();
    const { rows } = await this.#pool.query<{
      run_id: string;
      started_at_ms: unknown;
      result: string | null;
      stuck: string | null;
    }>(`SELECT run_id, started_at_ms, result, stuck FROM durable.runs WHERE run_id = ANY ($1::text[])`, [
      runIds,
    ]);
    return new Map(
      rows.map(({ run_id, started_at_ms: startedAtMs, result, stuck }) => [
        run_id,
        {
          startedAtMs: Number(startedAtMs),
          result: result === null ? null : (JSON.parse(result) as JsonObject),
          stuck,
        },
      ]),
    );
  }

  /** The machines, as `name@version`, that some living process can drive. */
  async drivable(): Promise<ReadonlySet<string>> {
    const { rows } = await this.#pool.query<{ machine: string }>(
      `SELECT DISTINCT unnest(machines) AS machine FROM durable.processes WHERE lease_until > clock_timestamp()`,
    );
    return new Set(rows.map((row) => row.machine));
  }

  /** Gives up at once what this process holds, but for runs in which something is still under way: those wait. */
  async giveUp(except: readonly string[]): Promise<void> {
    await this.#transaction(async (client) => {
      // In the order of a takeover: the process first, then its runs.
      await client.query(`SELECT 1 FROM durable.processes WHERE process = $1 FOR UPDATE`, [this.#process]);
      await client.query(
        `UPDATE durable.runs SET owner = '' WHERE owner = $1 AND result IS NULL AND run_id <> ALL ($2::text[])`,
        [this.#process, except],
      );
      // Whoever takes these finds that nothing was lost.
      await client.query(
        `UPDATE durable.runs SET closing = true WHERE owner = $1 AND run_id = ANY ($2::text[])`,
        [this.#process, except],
      );
      if (except.length === 0)
        await client.query(`DELETE FROM durable.processes WHERE process = $1`, [this.#process]);
      await client.query(`SELECT pg_notify('${HINTS_CHANNEL}', '${FREE_HINT}')`);
    });
  }

  async #note(runId: string, { owner, epoch }: Hold, column: 'result' | 'stuck' | 'suspects', text: string) {
    const { rowCount } = await this.#pool.query(
      `UPDATE durable.runs SET ${column} = $4 WHERE run_id = $1 AND owner = $2 AND epoch = $3`,
      [runId, owner, epoch, text],
    );
    return rowCount === 1;
  }

  async #transaction<T>(work: (client: PoolClient) => Promise<T>): Promise<T> {
    const client = await this.#pool.connect();
    let broken = false;
    try {
      await client.query('BEGIN');
      const result = await work(client);
      await client.query('COMMIT');
      return result;
    } catch (error) {
      await client.query('ROLLBACK').catch(() => (broken = true));
      throw error;
    } finally {
      client.release(broken);
    }
  }
}
