import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';

const CANDIDATES = ['18', '17', '16', '15'].map((major) => `/usr/lib/postgresql/${major}/bin`);
const NOBODY = 65_534;

export interface PostgresServer {
  /** A new, empty database on the server. */
  createDatabase(): Promise<string>;
  stop(): Promise<void>;
}

/** Directory of PostgreSQL's programs: `POSTGRES_BIN`, else where Debian puts them; null when there is none. */
export function findPostgresBin(): string | null {
  const given = process.env['POSTGRES_BIN'];
  return (given === undefined ? CANDIDATES : [given]).find((bin) => existsSync(join(bin, 'initdb'))) ?? null;
}

/**
 * True when tests that need the server are to be left out: it is not installed. With `CI=true` they are kept, and
 * fail, so that nobody takes a run without them for a full one.
 */
export function skipWithoutPostgres(): boolean {
  return findPostgresBin() === null && process.env['CI'] !== 'true';
}

/** Starts a server of its own in a temporary directory, reachable through a unix socket only. */
export async function startPostgresServer(settings: readonly string[] = []): Promise<PostgresServer> {
  const bin = findPostgresBin();
  if (bin === null) {
    throw new Error(
      'PostgreSQL was not found: install postgresql-15 (apt-get install postgresql-15) or set POSTGRES_BIN',
    );
  }
  const home = mkdtempSync(join(tmpdir(), 'carapulse-pg-'));
  // initdb refuses to run as root.
  const identity = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
  if (identity.uid !== undefined) {
    chmodSync(home, 0o711);
    chownSync(home, identity.uid, identity.gid);
  }
  const data = join(home, 'data');
  const initdb = spawnSync(
    join(bin, 'initdb'),
    ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C'],
    {
      ...identity,
      cwd: home,
      encoding: 'utf8',
    },
  );
  if (initdb.status !== 0) throw new Error(`initdb failed: ${initdb.stderr}`);
  const server = spawn(
    join(bin, 'postgres'),
    ['-D', data, '-k', home, '-c', 'listen_addresses=', '-c', 'max_connections=100', ...settings],
    { ...identity, cwd: home, stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const url = (name: string): string =>
    `postgresql://postgres@localhost/${name}?host=${encodeURIComponent(home)}`;
  await ready(server);
  let databases = 0;
  return {
    async createDatabase() {
      databases += 1;
      const name = `test_${databases}`;
      const client = new Client({ connectionString: url('postgres') });
      await client.connect();
      try {
        await client.query(`create database ${name}`);
      } finally {
        await client.end();
      }
      return url(name);
    },
    async stop() {
      if (server.exitCode === null && server.signalCode === null) {
        const exited = new Promise((resolve) => server.once('exit', resolve));
        server.kill('SIGINT');
        await exited;
      }
      rmSync(home, { recursive: true, force: true });
    },
  };
}

/** Waits for the line the server writes when it accepts connections. */
function ready(server: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let log = '';
    const failed = (code: number | null): void =>
      reject(new Error(`PostgreSQL ended with status ${code}: ${log}`));
    server.once('error', reject);
    server.once('exit', failed);
    server.stderr?.on('data', (chunk: Buffer) => {
      log = (log + chunk.toString()).slice(-4000);
      if (!log.includes('ready to accept connections')) return;
      server.off('exit', failed);
      resolve();
    });
  });
}
