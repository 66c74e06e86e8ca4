import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, chown, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Pool } from 'pg';

const run = promisify(execFile);
const BIN = process.env['POSTGRES_BIN'] ?? '/usr/lib/postgresql/15/bin';
/** PostgreSQL refuses to run as root; this user owns nothing. */
const NOBODY = 65_534;

export interface PostgresServer {
  /** Makes an empty database and gives its URL. */
  readonly database: () => Promise<string>;
  readonly stop: () => Promise<void>;
}

/** Where PostgreSQL's programs are; null when this machine has none and is not CI. */
export async function findPostgres(): Promise<string | null> {
  try {
    await access(join(BIN, 'initdb'));
    return BIN;
  } catch (error) {
    if (process.env['CI'] === 'true') throw error;
    return null;
  }
}

/** A server of its own on a free port and a temporary directory. */
export async function startPostgres(bin: string): Promise<PostgresServer> {
  const directory = await mkdtemp(join(tmpdir(), 'durable-pg-'));
  const asRoot = process.getuid?.() === 0;
  const identity = asRoot ? { uid: NOBODY, gid: NOBODY } : {};
  if (asRoot) await chown(directory, NOBODY, NOBODY);
  const data = join(directory, 'data');
  await run(join(bin, 'initdb'), ['-D', data, '-U', 'postgres', '-A', 'trust', '--no-sync'], {
    ...identity,
    cwd: directory,
  });
  const port = await freePort();
  const server = spawn(
    join(bin, 'postgres'),
    ['-D', data, '-p', String(port), '-k', directory, '-c', 'listen_addresses=127.0.0.1'],
    { ...identity, cwd: directory, stdio: 'ignore' },
  );
  const ended = once(server, 'close');
  const url = (name: string): string => `postgresql://postgres@127.0.0.1:${port}/${name}`;
  const pool = new Pool({ connectionString: url('postgres'), max: 1 });
  pool.on('error', () => undefined);
  await answers(pool);
  let databases = 0;
  return {
    database: async () => {
      databases += 1;
      await pool.query(`CREATE DATABASE place_${databases}`);
      return url(`place_${databases}`);
    },
    stop: async () => {
      await pool.end();
      server.kill('SIGINT');
      await ended;
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function answers(pool: Pool): Promise<void> {
  const until = performance.now() + 30_000;
  for (;;) {
    try {
      await pool.query('SELECT 1');
      return;
    } catch (error) {
      if (performance.now() > until) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}
