/**
 * One measurement in a process of its own, so that memory and start are those of what is measured alone.
 * `store-process.ts ours|bare|pair DIRECTORY`; writes one JSON line.
 */
import { join } from 'node:path';
import {
  createStore,
  type Database,
  loadMigrations,
  migrate,
  openDatabase,
  SyncedNodeFs,
} from '@carapulse/store-postgres';
import { PGlite } from '@electric-sql/pglite';

export interface FootprintMeasurement {
  readonly openMs: number;
  readonly steadyMb: number;
  readonly peakMb: number;
}
export interface LatencyMeasurement {
  readonly insertMs: Percentiles;
  readonly rawInsertMs: Percentiles;
  /** A whole transaction of the store: audit record and event under the head lock. */
  readonly transactionMs: Percentiles;
}
interface Percentiles {
  readonly p50: number;
  readonly p99: number;
}

// The engine's code is still being optimised in the background during the first few thousand statements.
const WARM_UP = 2000;
const SAMPLES = 2000;
const TEXT = 'x'.repeat(500);
let keys = 0;

async function openOurs(directory: string) {
  const database = await openDatabase({ kind: 'pglite', directory });
  await migrate(database.pool, loadMigrations());
  return { database, store: await createStore(database) };
}

/** The engine alone with the same synced files, its own settings and no layer above it. */
function openBare(directory: string): Promise<PGlite> {
  return PGlite.create({
    fs: new SyncedNodeFs(join(directory, 'cluster')),
    startParams: [
      ...PGlite.defaultStartParams.filter((parameter) => parameter !== '-F'),
      '-c',
      'wal_sync_method=fsync',
    ],
  });
}

function insert({ db }: Database): Promise<unknown> {
  keys += 1;
  return db
    .insertInto('idempotency_keys')
    .values({
      principal: 'ours',
      key: `${performance.now()}-${keys}`,
      request_digest: TEXT,
      response: null,
      epoch: 1,
      acted: false,
      created_at: new Date().toISOString(),
    })
    .execute();
}

function insertRaw(engine: PGlite): Promise<unknown> {
  keys += 1;
  return engine.query(
    'insert into idempotency_keys (principal, key, request_digest, response, epoch, acted, created_at) values ($1, $2, $3, $4, 1, false, $5)',
    ['bare', `${performance.now()}-${keys}`, TEXT, null, new Date().toISOString()],
  );
}

async function footprint(
  open: () => Promise<{ insert: () => Promise<unknown>; close: () => Promise<unknown> }>,
): Promise<FootprintMeasurement> {
  const startedAt = performance.now();
  const opened = await open();
  const openMs = performance.now() - startedAt;
  for (let index = 0; index < WARM_UP + SAMPLES; index += 1) await opened.insert();
  const steadyMb = process.memoryUsage().rss / 1e6;
  await opened.close();
  return { openMs, steadyMb, peakMb: process.resourceUsage().maxRSS / 1e3 };
}

/** Ours and the raw engine take turns, so that the machine's other work falls on both. */
async function latency(directory: string): Promise<LatencyMeasurement> {
  const ours = await openOurs(join(directory, 'ours'));
  await (await openOurs(join(directory, 'bare'))).store.close();
  const engine = await openBare(join(directory, 'bare'));
  const audited = (): Promise<void> =>
    ours.store.transaction(async (tx) => {
      const at = new Date().toISOString();
      await tx.appendAudit((head) => ({
        seq: head.seq + 1,
        tenant_id: 'bench',
        at,
        action: 'bench',
        actor_id: 'service:bench',
        subject_id: 'bench',
        record: TEXT,
        mac: 'm',
      }));
      await tx.appendEvent({ tenant_id: 'bench', type: 'audit.created', subject_id: 'bench', at, data: {} });
    });
  const works = [() => insert(ours.database), () => insertRaw(engine), audited];
  const times: readonly number[][] = works.map(() => []);
  for (let index = -WARM_UP; index < SAMPLES; index += 1) {
    for (const [at, work] of works.entries()) {
      const startedAt = performance.now();
      await work();
      if (index >= 0) times[at]?.push(performance.now() - startedAt);
    }
  }
  await ours.store.close();
  await engine.close();
  const [insertMs, rawInsertMs, transactionMs] = times.map((each) => percentiles(each));
  if (insertMs === undefined || rawInsertMs === undefined || transactionMs === undefined)
    throw new Error('unmeasured');
  return { insertMs, rawInsertMs, transactionMs };
}

function percentiles(times: readonly number[]): Percentiles {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (part: number): number => sorted[Math.floor(sorted.length * part)] ?? Number.NaN;
  return { p50: at(0.5), p99: at(0.99) };
}

function measure(mode: string, directory: string): Promise<FootprintMeasurement | LatencyMeasurement> {
  if (mode === 'pair') return latency(directory);
  return footprint(async () => {
    if (mode === 'bare') {
      const engine = await openBare(directory);
      return { insert: () => insertRaw(engine), close: () => engine.close() };
    }
    const { database, store } = await openOurs(directory);
    return { insert: () => insert(database), close: () => store.close() };
  });
}

const [mode, directory] = process.argv.slice(2);
if (mode === undefined || directory === undefined)
  throw new Error('usage: store-process.ts ours|bare|pair DIRECTORY');
process.stdout.write(`${JSON.stringify(await measure(mode, directory))}\n`);
