import type { Pool } from 'pg';

/**
 * `processes` says who is alive until when; `runs` which process drives a run, under which epoch, and whether it was
 * taken from one that was lost; `journal` is what a run heard, in order; `signals` is the mailbox. They lie in their own schema of the database that DBOS uses. What was
 * added later has a default, so that the build before can write here too.
 */
const STATEMENTS = [
  `CREATE SCHEMA IF NOT EXISTS durable`,
  `CREATE TABLE IF NOT EXISTS durable.runs (
     run_id text PRIMARY KEY,
     owner text NOT NULL,
     started_at_ms bigint NOT NULL
   )`,
  `ALTER TABLE durable.runs
     ADD COLUMN IF NOT EXISTS epoch bigint NOT NULL DEFAULT 1,
     ADD COLUMN IF NOT EXISTS result text,
     ADD COLUMN IF NOT EXISTS stuck text,
     ADD COLUMN IF NOT EXISTS lost boolean NOT NULL DEFAULT false,
     ADD COLUMN IF NOT EXISTS closing boolean NOT NULL DEFAULT false,
     ADD COLUMN IF NOT EXISTS suspects text`,
  `CREATE INDEX IF NOT EXISTS runs_owner ON durable.runs (owner)`,
  `CREATE TABLE IF NOT EXISTS durable.processes (
     process text PRIMARY KEY,
     machines text[] NOT NULL,
     lease_until timestamptz NOT NULL
   )`,
  `CREATE TABLE IF NOT EXISTS durable.journal (
     run_id text NOT NULL,
     seq integer NOT NULL,
     event text NOT NULL,
     signal_seq bigint,
     PRIMARY KEY (run_id, seq)
   )`,
  `CREATE UNIQUE INDEX IF NOT EXISTS journal_signal ON durable.journal (run_id, signal_seq)
     WHERE signal_seq IS NOT NULL`,
  `CREATE TABLE IF NOT EXISTS durable.signals (
     seq bigint GENERATED ALWAYS AS IDENTITY,
     run_id text NOT NULL,
     signal_id text NOT NULL,
     name text NOT NULL,
     payload text NOT NULL,
     taken boolean NOT NULL DEFAULT false,
     PRIMARY KEY (run_id, signal_id)
   )`,
  `CREATE INDEX IF NOT EXISTS signals_waiting ON durable.signals (run_id, seq) WHERE NOT taken`,
] as const;

const LOCK_KEY = 7_203_114;

/** Creates what is missing, once however many processes start together. */
export async function createJournalSchema(pool: Pool): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    await client.query(`SELECT pg_advisory_xact_lock(${LOCK_KEY})`);
    for (const statement of STATEMENTS) await client.query(statement);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  } finally {
    client.release();
  }
}
