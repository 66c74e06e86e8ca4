/**
 * Owner: one engine. Boundary: the schema `durable`.
 * Invariants:
 * 1. A run has one owner and epoch; an append under any other writes nothing (the run's row is share-locked by it).
 * 2. The events of a run are numbered without a gap. An event is rewritten only to become the snapshot of the run after
 *    it, in the statement that removes all before it, under the hold like an append.
 * 3. A signal is marked as taken in the statement that journals it, and is journalled once.
 * 4. Appends that wait while one is being written share the next statement, so a busy engine syncs once for many runs.
 */
import type { Logger } from '@carapulse/kernel';
import { parseInput } from '@carapulse/kernel';
import type { RunEvent } from '@carapulse/workflows';
import { RunSnapshot } from '@carapulse/workflows';
import type { Pool } from 'pg';
import { HINTS_CHANNEL, SIGNAL_HINT } from './hints.ts';

export interface WaitingSignal {
  readonly seq: number;
  readonly runId: string;
  readonly name: string;
  readonly payload: string;
}

/** Under what a process drives a run: who it is, and how often the run had changed hands. */
export interface Hold {
  readonly owner: string;
  readonly epoch: number;
}

/** What is kept of a run: the events since the snapshot, which stands for events 1 to `seq`; all when there is none. */
export interface Kept {
  readonly snapshot: (RunSnapshot & { readonly seq: number }) | null;
  readonly events: readonly RunEvent[];
}

interface SnapshotEntry {
  readonly kind: 'activity';
  readonly key: string;
  readonly snapshot: RunSnapshot;
}

interface Entry {
  readonly runId: string;
  readonly hold: Hold;
  readonly seq: number;
  readonly event: string;
  readonly signalSeq: number | null;
  readonly settle: (written: boolean) => void;
}

const APPEND = `
  INSERT INTO durable.journal (run_id, seq, event, signal_seq)
  SELECT e.run_id, e.seq, e.event, e.signal_seq
    FROM unnest($1::text[], $2::text[], $3::bigint[], $4::int[], $5::text[], $6::bigint[])
      AS e (run_id, owner, epoch, seq, event, signal_seq)
    JOIN durable.runs r ON r.run_id = e.run_id AND r.owner = e.owner AND r.epoch = e.epoch
  FOR SHARE OF r
  ON CONFLICT DO NOTHING
  RETURNING run_id, seq, signal_seq`;
/** The usual case, one event of one run: the same statement without its arrays. */
const APPEND_ONE = `
  INSERT INTO durable.journal (run_id, seq, event)
  SELECT run_id, $4::int, $5::text FROM durable.runs WHERE run_id = $1 AND owner = $2 AND epoch = $3
  FOR SHARE
  ON CONFLICT DO NOTHING
  RETURNING run_id, seq`;
const APPEND_TAKING = `
  WITH written AS (${APPEND}),
  taken AS (
    UPDATE durable.signals s SET taken = true FROM written w WHERE s.run_id = w.run_id AND s.seq = w.signal_seq
  )
  SELECT run_id, seq FROM written`;
const COMPACT = `
  WITH held AS (
    SELECT run_id FROM durable.runs WHERE run_id = $1 AND owner = $2 AND epoch = $3 FOR SHARE
  ),
  kept AS (
    UPDATE durable.journal j SET event = $5 FROM held WHERE j.run_id = held.run_id AND j.seq = $4 RETURNING j.run_id
  ),
  removed AS (DELETE FROM durable.journal j USING kept WHERE j.run_id = kept.run_id AND j.seq < $4)
  SELECT run_id FROM kept`;
/**
 * The key of the entry that is a snapshot. It has the form of an answer that nobody asked for, so that a build from
 * before there were snapshots refuses the run rather than hear its end as its beginning.
 */
const SNAPSHOT_KEY = '(a snapshot, which this build cannot read)';
const BATCH = 500;
const RETRY_MS = [20, 50, 100, 200, 500, 1000, 2000] as const;

export class Journal {
  readonly #pool: Pool;
  readonly #logger: Logger | undefined;
  #queue: Entry[] = [];
  #writing: Promise<void> | null = null;
  #closed = false;

  constructor(pool: Pool, logger: Logger | undefined) {
    this.#pool = pool;
    this.#logger = logger;
  }

  /** @throws AppError `invalid_input` when the snapshot is not of our form. */
  async read(runId: string): Promise<Kept> {
    const { rows } = await this.#pool.query<{ seq: number; event: string }>(
      `SELECT seq, event FROM durable.journal WHERE run_id = $1 ORDER BY seq`,
      [runId],
    );
    const [first, ...others] = rows.map(({ event }) => JSON.parse(event) as RunEvent | SnapshotEntry);
    if (first === undefined) return { snapshot: null, events: [] };
    const events = others as RunEvent[];
    if (!('snapshot' in first)) return { snapshot: null, events: [first, ...events] };
    const snapshot = parseInput(RunSnapshot, first.snapshot, `The snapshot of run ${runId}`);
    return { snapshot: { ...snapshot, seq: rows[0]?.seq ?? 0 }, events };
  }

  /**
   * Lets the snapshot of the run after its event `seq` stand for that and all before it.
   * @returns false when the run is held otherwise now, or the journal is closed; nothing has changed then.
   */
  async compact(runId: string, hold: Hold, seq: number, snapshot: RunSnapshot): Promise<boolean> {
    if (this.#closed) return false;
    const entry: SnapshotEntry = { kind: 'activity', key: SNAPSHOT_KEY, snapshot };
    const { rowCount } = await this.#pool.query(COMPACT, [
      runId,
      hold.owner,
      hold.epoch,
      seq,
      JSON.stringify(entry),
    ]);
    return rowCount === 1;
  }

  /** True once the event is durable; false when the run is held otherwise now, or the journal is closed. */
  append(
    runId: string,
    hold: Hold,
    seq: number,
    event: RunEvent,
    signalSeq: number | null,
  ): Promise<boolean> {
    return new Promise((settle) => {
      this.#queue.push({ runId, hold, seq, event: JSON.stringify(event), signalSeq, settle });
      this.#writing ??= this.#drain();
    });
  }

  /** Keeps a signal, once by its id, and tells the processes that listen. */
  async post(runId: string, signalId: string, name: string, payload: string): Promise<void> {
    await this.#pool.query(
      `WITH posted AS (
         INSERT INTO durable.signals (run_id, signal_id, name, payload) VALUES ($1, $2, $3, $4)
         ON CONFLICT (run_id, signal_id) DO NOTHING RETURNING run_id
       )
       SELECT pg_notify('${HINTS_CHANNEL}', '${SIGNAL_HINT}' || run_id) FROM posted`,
      [runId, signalId, name, payload],
    );
  }

  /** Signals that no run has taken, oldest first. */
  async waiting(runIds: readonly string[]): Promise<readonly WaitingSignal[]> {
    if (runIds.length === 0) return [];
    const { rows } = await this.#pool.query<{ seq: unknown; run_id: string; name: string; payload: string }>(
      `SELECT seq, run_id, name, payload FROM durable.signals
        WHERE NOT taken AND run_id = ANY($1::text[]) ORDER BY seq`,
      [runIds],
    );
    return rows.map((row) => ({
      seq: Number(row.seq),
      runId: row.run_id,
      name: row.name,
      payload: row.payload,
    }));
  }

  /** Refuses appends that have not begun and waits for the one being written. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#writing;
  }

  async #drain(): Promise<void> {
    while (this.#queue.length > 0) {
      const batch = this.#queue.splice(0, BATCH);
      const written = this.#closed ? new Set<string>() : await this.#write(batch);
      for (const entry of batch) entry.settle(written.has(place(entry.runId, entry.seq)));
    }
    this.#writing = null;
  }

  async #write(batch: readonly Entry[]): Promise<ReadonlySet<string>> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        const written = await this.#insert(batch);
        return attempt === 0 ? written : await this.#withOurs(batch, written);
      } catch (error) {
        if (this.#closed) return new Set();
        this.#logger?.warn('The journal could not be written; trying again', {
          error: String(error),
          attempt,
        });
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS[attempt] ?? 2000));
      }
    }
  }

  async #insert(batch: readonly Entry[]): Promise<Set<string>> {
    const [only] = batch;
    if (only !== undefined && batch.length === 1 && only.signalSeq === null) {
      const { rowCount } = await this.#pool.query({
        name: 'durable_append_one',
        text: APPEND_ONE,
        values: [only.runId, only.hold.owner, only.hold.epoch, only.seq, only.event],
      });
      return new Set(rowCount === 1 ? [place(only.runId, only.seq)] : []);
    }
    const taking = batch.some((entry) => entry.signalSeq !== null);
    const { rows } = await this.#pool.query<{ run_id: string; seq: number }>({
      name: taking ? 'durable_append_taking' : 'durable_append',
      text: taking ? APPEND_TAKING : APPEND,
      values: [
        batch.map((entry) => entry.runId),
        batch.map((entry) => entry.hold.owner),
        batch.map((entry) => entry.hold.epoch),
        batch.map((entry) => entry.seq),
        batch.map((entry) => entry.event),
        batch.map((entry) => entry.signalSeq),
      ],
    });
    return new Set(rows.map((row) => place(row.run_id, row.seq)));
  }

  /** After a failure whose commit we could not see: an event that is there word for word is the one that we wrote. */
  async #withOurs(batch: readonly Entry[], written: Set<string>): Promise<ReadonlySet<string>> {
    for (const entry of batch) {
      if (written.has(place(entry.runId, entry.seq))) continue;
      const { rows } = await this.#pool.query(
        `SELECT 1 FROM durable.journal j JOIN durable.runs r USING (run_id)
          WHERE j.run_id = $1 AND j.seq = $2 AND j.event = $3 AND r.owner = $4 AND r.epoch = $5`,
        [entry.runId, entry.seq, entry.event, entry.hold.owner, entry.hold.epoch],
      );
      if (rows.length > 0) written.add(place(entry.runId, entry.seq));
    }
    return written;
  }
}

function place(runId: string, seq: number): string {
  return `${seq} ${runId}`;
}
