import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';

const CANDIDATES = ['18', '17', '16', '15'].map((major) => `/usr/lib/postgresql/${major}/bin`);
const NOBODY = 65_534;

export interface PostgresServer {
  /** A new, empty database on the server. */
  createDatabase(): Promise<string>;
  /** Where it listens, for who puts something between. */
  readonly socket: string;
  /** SIGKILL to it and to each of its backends, at once. */
  kill(): void;
  /** After `kill`: once nothing of it is left, starts it again over what is on its disk. */
  revive(): Promise<void>;
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
    ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'],
    {
      ...identity,
      cwd: home,
      encoding: 'utf8',
    },
  );
  if (initdb.status !== 0) throw new Error(`initdb failed: ${initdb.stderr}`);
  const start = async (): Promise<ChildProcess> => {
    const args = [
      '-D',
      data,
      '-k',
      home,
      '-c',
      'listen_addresses=',
      '-c',
      'max_connections=100',
      ...settings,
    ];
    const started = spawn(join(bin, 'postgres'), args, {
      ...identity,
      cwd: home,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    await ready(started);
    return started;
  };
  let server = await start();
  let killed: readonly number[] = [];
  const url = (name: string): string =>
    `postgresql://postgres@localhost/${name}?host=${encodeURIComponent(home)}`;
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
    socket: join(home, '.s.PGSQL.5432'),
    kill() {
      const postmaster = server.pid ?? 0;
      const backends = readFileSync(`/proc/${postmaster}/task/${postmaster}/children`, 'utf8');
      killed = backends.split(' ').filter(Boolean).map(Number);
      for (const pid of [postmaster, ...killed]) signalProcess(pid, 'SIGKILL');
    },
    async revive() {
      if (server.exitCode === null && server.signalCode === null) await once(server, 'exit');
      // One that dies while it has the shared memory would keep the next server out.
      while (killed.some((pid) => signalProcess(pid, 0)))
        await new Promise((resolve) => setImmediate(resolve));
      server = await start();
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

/** False when there is no such process. */
function signalProcess(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
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
