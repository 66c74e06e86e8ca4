import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { processesNaming } from './processes-naming.testing.ts';
import { startTemporal, type Temporal } from './start-temporal.ts';
import { missingOf, TESTBED_SERVERS } from './testbed-servers.ts';

const run = promisify(execFile);
const server = TESTBED_SERVERS['temporal'];
if (server === undefined) throw new Error('The test bed has no Temporal');
const missing = await missingOf(server);
if (missing.length > 0 && process.env['CI'] === 'true') throw new Error(missing.join('\n'));

describe.skipIf(missing.length > 0)('Temporal (needs `npm run testbed -- build temporal`)', () => {
  let directory: string;
  let temporal: Temporal | undefined;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'carapulse-temporal-'));
  });
  afterEach(async () => {
    await temporal?.stop();
    temporal = undefined;
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  test('is ready when it says so: its own command line lists the namespace and starts a workflow', async () => {
    const { binary, address, namespace, stop } = (temporal = await startTemporal({
      directory,
      signal: new AbortController().signal,
    }));
    const at = ['--address', address, '-o', 'json'];
    const env = { PATH: process.env['PATH'] ?? '', HOME: directory };
    const listed = await run(binary, ['operator', 'namespace', 'list', ...at], { env });
    const names = (JSON.parse(listed.stdout) as { namespaceInfo: { name: string } }[]).map(
      ({ namespaceInfo }) => namespaceInfo.name,
    );
    expect(names).toContain(namespace);
    const workflow = ['--type', 'Nothing', '--task-queue', 'nobody', '--workflow-id', 'one'];
    await run(binary, ['workflow', 'start', ...workflow, '--namespace', namespace, ...at], { env });
    const described = await run(binary, ['workflow', 'describe', '--workflow-id', 'one', ...at], { env });
    expect(described.stdout).toContain('WORKFLOW_EXECUTION_STATUS_RUNNING');
    expect(await readdir(directory)).toEqual(expect.arrayContaining(['temporal.db', 'temporal.log']));

    await stop();
    expect(await processesNaming(directory)).toEqual([]);
    const [host, port] = address.split(':');
    const [refused] = await once(connect(Number(port), host), 'error');
    expect(refused).toMatchObject({ code: 'ECONNREFUSED' });
  });

  test('its death is told', async () => {
    temporal = await startTemporal({ directory, signal: new AbortController().signal });
    process.kill(temporal.pid, 'SIGKILL');
    expect(await temporal.ended).toBe('ended by SIGKILL');
  });

  test('a start that is cancelled leaves nothing', async () => {
    const cancelled = startTemporal({ directory, signal: AbortSignal.abort() });
    await expect(cancelled).rejects.toMatchObject({ code: 'cancelled' });
    expect(await processesNaming(directory)).toEqual([]);
  });
});
