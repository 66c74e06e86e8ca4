import fs, {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { NodeFS } from '@electric-sql/pglite/nodefs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openPglite } from './open-pglite.ts';

interface Queryable {
  query(text: string): Promise<{ rows: unknown[] }>;
}

const original = { fsyncSync: fs.fsyncSync, fdatasyncSync: fs.fdatasyncSync };
let home: string;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'carapulse-powercut-'));
});
afterEach(() => {
  Object.assign(fs, original);
  syncBuiltinESMExports();
  rmSync(home, { recursive: true, force: true });
});

/**
 * Keeps beside `live` what a disk would hold after a power cut: a file as it was at its last sync, a directory's
 * names as they were at its last sync. It watches the process's own sync calls, so it believes no hook.
 */
function watchDisk(live: string, disk: string): { syncs: number } {
  const seen = { syncs: 0 };
  const contents = new Map<number, Buffer>();
  const keep = (path: string, bytes: Buffer): void => {
    const target = join(disk, relative(live, path));
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, bytes);
  };
  const watch = (sync: (fd: number) => void) => (fd: number) => {
    sync(fd);
    const path = fs.readlinkSync(`/proc/self/fd/${fd}`);
    if (relative(live, path).startsWith('..')) return;
    seen.syncs += 1;
    if (!fs.fstatSync(fd).isDirectory()) {
      const bytes = readFileSync(path);
      contents.set(fs.fstatSync(fd).ino, bytes);
      keep(path, bytes);
      return;
    }
    const names = readdirSync(path);
    for (const name of names) {
      const bytes = contents.get(fs.statSync(join(path, name)).ino);
      if (bytes !== undefined) keep(join(path, name), bytes);
    }
    const shadow = join(disk, relative(live, path));
    for (const name of existsSync(shadow) ? readdirSync(shadow) : []) {
      if (!names.includes(name)) rmSync(join(shadow, name), { recursive: true });
    }
  };
  fs.fsyncSync = watch(original.fsyncSync);
  fs.fdatasyncSync = watch(original.fdatasyncSync);
  syncBuiltinESMExports();
  return seen;
}

/** Commits rows one by one, over a checkpoint and a new log segment, and returns those acknowledged. */
async function workload(database: Queryable): Promise<readonly number[]> {
  const acknowledged: number[] = [];
  await database.query('create table marks (n int primary key, filler text not null)');
  for (let n = 1; n <= 24; n += 1) {
    await database.query(`insert into marks values (${n}, repeat('x', 500))`);
    acknowledged.push(n);
    if (n === 8) await database.query('checkpoint');
    if (n === 16) await database.query('select pg_switch_wal()');
  }
  return acknowledged;
}

async function marksAfterPowerCut(directory: string): Promise<readonly number[]> {
  const reopened = await openPglite({ kind: 'pglite', directory });
  try {
    const { rows } = await reopened.pool.query('select n from marks order by n');
    return rows.map((row: { n: number }) => row.n);
  } catch (error) {
    if ((error as { code?: string }).code === '42P01') return [];
    throw error;
  } finally {
    await reopened.close();
  }
}

async function freshDatabase(): Promise<{ live: string; disk: string }> {
  const live = join(home, 'live');
  const disk = join(home, 'disk');
  const created = await openPglite({ kind: 'pglite', directory: live });
  await created.close();
  cpSync(live, disk, { recursive: true });
  return { live, disk };
}

describe('power cut', () => {
  test('every acknowledged commit survives the loss of all that was not synced', async () => {
    const { live, disk } = await freshDatabase();
    const observed: string[] = [];
    const seen = watchDisk(live, disk);
    const database = await openPglite({
      kind: 'pglite',
      directory: live,
      onSync: (event) => observed.push(event.path),
    });
    const acknowledged = await workload(database.pool);
    const synced = seen.syncs;
    cpSync(disk, join(home, 'after'), { recursive: true });
    await database.close();
    expect(synced).toBeGreaterThan(acknowledged.length);
    expect(observed.length).toBeGreaterThanOrEqual(synced);
    expect(observed.some((path) => path.startsWith('pg_wal/'))).toBe(true);
    expect(observed.some((path) => path.startsWith('base/'))).toBe(true);
    expect(await marksAfterPowerCut(join(home, 'after'))).toEqual(acknowledged);
  });

  test('the same cut shows that the engine without our file layer loses them', async () => {
    const { live, disk } = await freshDatabase();
    const seen = watchDisk(live, disk);
    const bare = await PGlite.create({ fs: new NodeFS(join(live, 'cluster')) });
    const acknowledged = await workload(bare);
    cpSync(disk, join(home, 'after'), { recursive: true });
    await bare.close();
    expect(acknowledged).toHaveLength(24);
    expect(seen.syncs).toBe(0);
    expect(await marksAfterPowerCut(join(home, 'after'))).toEqual([]);
  });
});
