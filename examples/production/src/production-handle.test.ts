import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { attachProduction, startProductionProcess, type ProductionHandle } from './production-handle.ts';
import { readLines } from './read-lines.ts';

let directory: string;
const handles: ProductionHandle[] = [];
const starters: ChildProcess[] = [];
const limit = () => AbortSignal.timeout(20_000);

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'held production '));
});

afterEach(async () => {
  for (const handle of handles.splice(0)) await handle.stop().catch(() => undefined);
  for (const starter of starters.splice(0)) starter.kill('SIGKILL');
  await rm(directory, { recursive: true, maxRetries: 10, retryDelay: 100 });
});

async function start(options: { lingerMs?: number } = {}): Promise<ProductionHandle> {
  const handle = await startProductionProcess({ directory, signal: limit(), ...options });
  handles.push(handle);
  return handle;
}

async function attach(): Promise<ProductionHandle> {
  const handle = await attachProduction({ directory, signal: limit() });
  handles.push(handle);
  return handle;
}

/** Another process that starts the production. */
function startElsewhere(lingerMs: number): { starter: ChildProcess; started: Promise<void> } {
  const program = `
    import { startProductionProcess } from ${JSON.stringify(new URL('./index.ts', import.meta.url))};
    const signal = AbortSignal.timeout(20_000);
    const directory = ${JSON.stringify(directory)};
    const production = await startProductionProcess({ directory, signal, lingerMs: ${lingerMs} });
    process.stdout.write(production.repository + '\\n');`;
  const starter = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  starters.push(starter);
  const started = new Promise<void>((resolve, reject) => {
    readLines(starter.stdout, () => resolve());
    starter.once('exit', (code) => reject(new Error(`the starter ended with status ${code}`)));
  });
  return { starter, started };
}

/** Every process that works in the production's directory; each of its own does, whatever its name. */
async function running(): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const places = await Promise.all(pids.map((pid) => readlink(`/proc/${pid}/cwd`).catch(() => '')));
  return pids.filter((_, index) => places[index]?.startsWith(directory) === true);
}

const nothingLeft = async (): Promise<boolean> => {
  await vi.waitFor(async () => expect(await running()).toEqual([]), { timeout: 45_000, interval: 20 });
  return true;
};

test('killing the process that started it leaves nothing running', async () => {
  const { starter, started } = startElsewhere(0);
  await started;
  expect(await running()).toHaveLength(3);
  starter.kill('SIGKILL');
  expect(await nothingLeft()).toBe(true);
  expect(await readdir(directory)).not.toContain('production.json');
});

test('killing the process that started it before the start is over leaves nothing running', async () => {
  const { starter, started } = startElsewhere(0);
  started.catch(() => undefined);
  await vi.waitFor(async () => expect(await readdir(directory)).toContain('checkout.git'), {
    timeout: 45_000,
    interval: 5,
  });
  starter.kill('SIGKILL');
  await expect(started).rejects.toThrow('ended with status null');
  expect(await nothingLeft()).toBe(true);
  expect(await readdir(directory)).not.toContain('production.json');
});

test('killing the production itself leaves nothing running, and the directory free', async () => {
  const handle = await start();
  process.kill((await handle.pids(limit())).supervisor, 'SIGKILL');
  await handle.ended;
  expect(await nothingLeft()).toBe(true);
  await expect(handle.waitUntil('healthy', limit())).rejects.toMatchObject({ code: 'unavailable' });
  const next = await start();
  expect((await next.waitUntil('healthy', limit())).status).toBe(200);
});

test('with time to linger it outlives its starter while another holds it, and ends after that one', async () => {
  const { starter, started } = startElsewhere(300);
  await started;
  const handle = await attach();
  starter.kill('SIGKILL');
  await once(starter, 'exit');
  const bad = await handle.pushBadCommit(limit());
  expect((await handle.waitUntil('broken', limit())).revision).toBe(bad.revision);
  expect(await running()).toHaveLength(3);
  handle.detach();
  expect(await nothingLeft()).toBe(true);
});

test('letting go of it without time to linger ends it', async () => {
  const handle = await start();
  handle.detach();
  expect(await nothingLeft()).toBe(true);
});

test('stopping it from a second handle ends it for both and removes its state', async () => {
  const first = await start();
  const second = await attach();
  await second.stop();
  expect(await running()).toEqual([]);
  await first.ended;
  expect(await readdir(directory)).not.toContain('production.json');
  await expect(attachProduction({ directory, signal: limit() })).rejects.toMatchObject({ code: 'not_found' });
});

test('a second production in the same directory is refused and the first goes on', async () => {
  const first = await start();
  await expect(startProductionProcess({ directory, signal: limit() })).rejects.toMatchObject({
    code: 'conflict',
    message: expect.stringContaining(String(first.pid)),
  });
  expect((await first.waitUntil('healthy', limit())).status).toBe(200);
});

test('it tells its story on the handle, and keeps secrets from files', async () => {
  const sources: string[] = [];
  const handle = await startProductionProcess({
    directory,
    signal: limit(),
    onLine: ({ source }) => sources.push(source),
  });
  handles.push(handle);
  const receiver = { url: 'http://127.0.0.1:9/hook', token: 'canary-8d1f' };
  await handle.setAlertReceiver(receiver, limit());
  await handle.breakOutsideGit(limit());
  await handle.waitUntil('broken', limit());
  await expect.poll(() => sources).toEqual(expect.arrayContaining(['inventory', 'probe', 'alertmanager']));
  expect((await stat(join(directory, 'production.json'))).mode & 0o777).toBe(0o600);
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    expect(await readFile(join(entry.parentPath, entry.name), 'utf8')).not.toContain(receiver.token);
  }
});

test('says so when it cannot write in the directory', async () => {
  await writeFile(join(directory, 'a file'), '');
  const impossible = join(directory, 'a file', 'production');
  await expect(startProductionProcess({ directory: impossible, signal: limit() })).rejects.toMatchObject({
    code: 'unavailable',
    message: expect.stringContaining('choose another directory'),
  });
});

test('of two that start at once in one directory, one runs', async () => {
  await start().then((handle) => process.kill(handle.pid, 'SIGKILL'));
  expect(await nothingLeft()).toBe(true);
  const outcomes = await Promise.allSettled([start(), start()]);
  expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  const refused = outcomes.find((outcome) => outcome.status === 'rejected');
  expect(refused?.reason).toMatchObject({ code: 'conflict' });
  expect((await attach()).pid).toBeGreaterThan(0);
});

test('a start that is cancelled leaves nothing running', async () => {
  const abort = new AbortController();
  const starting = startProductionProcess({ directory, signal: abort.signal });
  abort.abort();
  await expect(starting).rejects.toMatchObject({ code: 'cancelled' });
  expect(await running()).toEqual([]);
  expect(await readdir(directory)).not.toContain('production.json');
});
