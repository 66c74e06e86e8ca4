import type { ChildOrder } from '@carapulse/workflows/testing';
import type { Pool } from 'pg';

type SnapshotKill = Extract<ChildOrder['kill'], { kind: 'snapshot' }>;

/** Kills this process at the n-th statement that puts a snapshot in the place of a journal. */
export function killAtSnapshot(pool: Pool, { count, when }: SnapshotKill, kill: () => void): void {
  const query = pool.query.bind(pool) as (...args: unknown[]) => Promise<unknown>;
  let snapshots = 0;
  const watched = async (...args: unknown[]): Promise<unknown> => {
    const [text] = args;
    if (typeof text !== 'string' || !text.includes('DELETE FROM durable.journal')) return query(...args);
    snapshots += 1;
    if (snapshots !== count) return query(...args);
    if (when === 'before') kill();
    const written = query(...args);
    // It is on its way to the database, and nobody has heard how it went.
    if (when === 'during') setImmediate(kill);
    await written;
    kill();
    return written;
  };
  Object.assign(pool, { query: watched });
}
