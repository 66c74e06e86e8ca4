import fs, {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openDatabase } from '../database.ts';
import { readManifest } from './cluster-archive.ts';
import { installedEngine } from './engine-version.ts';
import { assertDurable, openPglite } from './open-pglite.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'carapulse-pglite-'));
});
afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

describe('openPglite', () => {
  test('the committed template was made by the installed engine', () => {
    expect(readManifest().engine, 'run `npm run generate` and commit the result').toBe(installedEngine());
  });

  test('what was committed is there after closing and opening again; integers and instants are exact', async () => {
    const first = await openDatabase({ kind: 'pglite', directory });
    await first.pool.query('create table t (n bigint, at timestamptz, doc json)');
    await first.pool.query('insert into t values ($1, $2, $3)', [
      Number.MAX_SAFE_INTEGER,
      '2026-01-02T03:04:05.678+02:00',
      JSON.stringify({ a: [1, '\0'] }),
    ]);
    await expect(first.pool.query('select 9007199254740993::bigint')).rejects.toThrow('cannot hold exactly');
    await first.close();
    const second = await openDatabase({ kind: 'pglite', directory });
    expect((await second.pool.query('select * from t')).rows).toEqual([
      { n: Number.MAX_SAFE_INTEGER, at: '2026-01-02T01:04:05.678Z', doc: { a: [1, '\0'] } },
    ]);
    await second.close();
  });

  test('an open directory is refused, and free after a failed opening', async () => {
    const opened = await openPglite({ kind: 'pglite', directory });
    await expect(openPglite({ kind: 'pglite', directory })).rejects.toMatchObject({ code: 'conflict' });
    await opened.close();
    const versionFile = join(directory, 'cluster', 'PG_VERSION');
    writeFileSync(versionFile, '15\n');
    await expect(openPglite({ kind: 'pglite', directory })).rejects.toThrow('was written by PostgreSQL 15');
    writeFileSync(versionFile, '18\n');
    await (await openPglite({ kind: 'pglite', directory })).close();
  });

  test('an engine that does not start is told with what to do, and the directory is free again', async () => {
    await (await openPglite({ kind: 'pglite', directory })).close();
    const control = join(directory, 'cluster', 'global', 'pg_control');
    renameSync(control, `${control}.away`);
    await expect(openPglite({ kind: 'pglite', directory })).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(/does not start .* (put the directory back|make room)/),
    });
    renameSync(`${control}.away`, control);
    await (await openPglite({ kind: 'pglite', directory })).close();
  });

  test('a creation that was cut off is started again', async () => {
    mkdirSync(join(directory, 'cluster.new', 'base'), { recursive: true });
    await (await openPglite({ kind: 'pglite', directory })).close();
    expect(existsSync(join(directory, 'cluster', 'PG_VERSION'))).toBe(true);
    expect(readdirSync(directory).toSorted()).toEqual(['cluster', 'lock']);
  });

  test('an engine whose commits do not reach the disk is refused', async () => {
    const bare = await PGlite.create('memory://');
    const pool = { query: (text: string) => bare.query(text) };
    await expect(assertDurable(pool as never, { walCount: 0 })).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(/0 syncs for a commit; fsync=off/),
    });
    await bare.close();
  });

  test('a commit whose sync fails is not acknowledged, and the database takes nothing more', async () => {
    const opened = await openPglite({ kind: 'pglite', directory });
    await opened.pool.query('create table t (n int)');
    const { fdatasyncSync } = fs;
    fs.fdatasyncSync = () => {
      throw Object.assign(new Error('EIO: i/o error, fdatasync'), { code: 'EIO' });
    };
    syncBuiltinESMExports();
    try {
      await expect(opened.pool.query('insert into t values (1)')).rejects.toThrow('could not fsync');
    } finally {
      fs.fdatasyncSync = fdatasyncSync;
      syncBuiltinESMExports();
    }
    await expect(opened.pool.query('insert into t values (2)')).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('could not fsync'),
    });
    await opened.close();
    const again = await openPglite({ kind: 'pglite', directory });
    const { rows } = await again.pool.query('select * from t where n = 2');
    expect(rows).toEqual([]);
    await again.close();
  });
});
