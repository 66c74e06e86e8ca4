import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { processStartTime } from './process-identity.ts';
import { attachProduction, startProductionProcess, type ProductionHandle } from './production-handle.ts';
import type { ProductionPids } from './production.ts';
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

/** Another process that starts the production; resolves with the production's processes. */
async function startElsewhere(lingerMs: number): Promise<{ starter: ChildProcess; pids: ProductionPids }> {
  const program = `
    import { startProductionProcess } from ${JSON.stringify(new URL('./index.ts', import.meta.url))};
    const signal = AbortSignal.timeout(20_000);
    const directory = ${JSON.stringify(directory)};
    const production = await startProductionProcess({ directory, signal, lingerMs: ${lingerMs} });
    process.stdout.write(JSON.stringify(await production.pids(signal)) + '\\n');`;
  const starter = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  starters.push(starter);
  const line = await new Promise<string>((resolve, reject) => {
    readLines(starter.stdout, resolve);
    starter.once('exit', (code) => reject(new Error(`the starter ended with status ${code}`)));
  });
  return { starter, pids: JSON.parse(line) as ProductionPids };
}

async function running({ supervisor, checkout, inventory }: ProductionPids): Promise<number[]> {
  const pids = [supervisor, checkout, inventory];
  const times = await Promise.all(pids.map(processStartTime));
  return pids.filter((_, index) => times[index] !== '');
}

const noneLeft = (pids: ProductionPids) =>
  vi.waitFor(async () => expect(await running(pids)).toEqual([]), { timeout: 10_000, interval: 20 });

test('killing the process that started it leaves nothing running', async () => {
  const { starter, pids } = await startElsewhere(0);
  expect(await running(pids)).toHaveLength(3);
  starter.kill('SIGKILL');
  await noneLeft(pids);
  expect(await readdir(directory)).not.toContain('production.json');
});

test('killing the production itself leaves nothing running, and the directory free', async () => {
  const handle = await start();
  const pids = await handle.pids(limit());
  process.kill(pids.supervisor, 'SIGKILL');
  await handle.ended;
  await noneLeft(pids);
  await expect(handle.waitUntil('healthy', limit())).rejects.toMatchObject({ code: 'unavailable' });
  const next = await start();
  expect((await next.waitUntil('healthy', limit())).status).toBe(200);
});

test('with time to linger it outlives its starter while another holds it, and ends after that one', async () => {
  const { starter, pids } = await startElsewhere(300);
  const handle = await attach();
  starter.kill('SIGKILL');
  await once(starter, 'exit');
  const bad = await handle.pushBadCommit(limit());
  expect((await handle.waitUntil('broken', limit())).revision).toBe(bad.revision);
  expect(await running(pids)).toHaveLength(3);
  handle.detach();
  await noneLeft(pids);
});

test('stopping it from a second handle ends it for both and removes its state', async () => {
  const first = await start();
  const second = await attach();
  const pids = await second.pids(limit());
  await second.stop();
  await first.ended;
  await noneLeft(pids);
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
  await vi.waitFor(() =>
    expect(sources).toEqual(expect.arrayContaining(['inventory', 'probe', 'alertmanager'])),
  );
  expect((await stat(join(directory, 'production.json'))).mode & 0o777).toBe(0o600);
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    expect(await readFile(join(entry.parentPath, entry.name), 'utf8')).not.toContain(receiver.token);
  }
});

test('a start that is cancelled leaves nothing running', async () => {
  const abort = new AbortController();
  const starting = startProductionProcess({ directory, signal: abort.signal });
  abort.abort();
  await expect(starting).rejects.toMatchObject({ code: 'cancelled' });
  expect(await readdir(directory)).not.toContain('production.json');
});
