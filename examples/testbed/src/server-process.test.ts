import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { processesNaming } from './processes-naming.testing.ts';
import { startServerProcess, untilReady } from './server-process.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'carapulse-server-process-'));
});
// A test that fails leaves nothing either.
afterEach(async () => {
  for (const pid of await processesNaming(directory)) process.kill(pid, 'SIGKILL');
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const { signal } = new AbortController();
const start = (...script: readonly string[]) =>
  startServerProcess({ name: 'program', binary: process.execPath, args: ['-e', ...script], directory });
const WAITS = 'setInterval(() => {}, 1000)';

test('a program that ends before it is ready is named, with how and with the end of its log', async () => {
  const server = await start('console.error("no such flag"); process.exit(3)');
  await expect(untilReady(server, async () => false, signal)).rejects.toThrow(
    /^program ended with status 3; .*program\.log ends with:\n.*no such flag/s,
  );
});

test('a program that nobody can run is told as that', async () => {
  const server = await startServerProcess({
    name: 'absent',
    binary: join(directory, 'no'),
    args: [],
    directory,
  });
  await expect(untilReady(server, async () => false, signal)).rejects.toThrow(/No such file or directory/);
});

test('a start that is cancelled ends the program', async () => {
  const server = await start(WAITS, directory);
  const cancelling = new AbortController();
  const probe = async () => {
    cancelling.abort();
    return false;
  };
  await expect(untilReady(server, probe, cancelling.signal)).rejects.toMatchObject({ code: 'cancelled' });
  expect(await processesNaming(directory)).toEqual([]);
});

test('stop ends what the program started, even what ignores a polite request', async () => {
  const stubborn = 'process.on("SIGTERM", () => {}); setInterval(() => {}, 1000)';
  const parent = `
    const child = require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(
      `${stubborn}; require('node:fs').writeFileSync(process.argv[1], '')`,
    )}, process.argv[1]]);
    ${WAITS}`;
  const marker = join(directory, 'child-is-up');
  const server = await start(parent, marker);
  await untilReady(server, () => access(marker).then(() => true), signal);
  expect(await processesNaming(marker)).toHaveLength(2);
  await server.stop();
  expect(await server.ended).toBe('ended by SIGTERM');
  while ((await processesNaming(marker)).length > 0);
});

test('stop signals nobody once the program is gone: its number may be another’s by then', async () => {
  const server = await start('process.exit(0)');
  await server.ended;
  const kill = vi.spyOn(process, 'kill');
  try {
    await server.stop();
    expect(kill).not.toHaveBeenCalled();
  } finally {
    kill.mockRestore();
  }
});

test('an owner that is killed takes its servers along', async () => {
  const owner = join(directory, 'owner.ts');
  const module = JSON.stringify(join(import.meta.dirname, 'server-process.ts'));
  await writeFile(
    owner,
    `import { startServerProcess } from ${module};
     const args = ['-e', '${WAITS}', ${JSON.stringify(join(directory, 'orphan'))}];
     const options = { name: 'orphan', binary: process.execPath, args, directory: ${JSON.stringify(directory)} };
     console.log((await startServerProcess(options)).pid);
     ${WAITS}`,
  );
  const child = spawn(process.execPath, [owner], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const [pid] = await once(createInterface(child.stdout), 'line');
    expect(await processesNaming(join(directory, 'orphan'))).toEqual([Number(pid)]);
  } finally {
    child.kill('SIGKILL');
  }
  while ((await processesNaming(join(directory, 'orphan'))).length > 0);
});
