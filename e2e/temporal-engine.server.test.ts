import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { missingOf, startTemporal, TESTBED_SERVERS, type Temporal } from '@carapulse/example-testbed';
import {
  durableEngineConformance,
  longRunConformance,
  type EngineWorkbench,
} from '@carapulse/workflows/testing';
import { afterAll, beforeAll, describe } from 'vitest';
import { bundleProbes, openProbe, type ProbeBundles } from './src/temporal/open-probe.ts';

const CHILD = fileURLToPath(new URL('./src/temporal/probe-child.ts', import.meta.url));
const NAMESPACES = Array.from({ length: 30 }, (_, index) => `place-${index}`);

const server = TESTBED_SERVERS['temporal'];
const missing = server === undefined ? ['no Temporal in the test bed'] : await missingOf(server);
if (missing.length > 0 && process.env['CI'] === 'true') throw new Error(missing.join('\n'));

describe.skipIf(missing.length > 0)('with Temporal (needs `npm run testbed -- build temporal`)', () => {
  let temporal: Temporal;
  let root = '';
  let bundles: ProbeBundles;
  let places = 0;

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'carapulse-durable-'));
    const signal = AbortSignal.timeout(60_000);
    temporal = await startTemporal({ directory: root, signal, namespaces: NAMESPACES });
    bundles = await bundleProbes();
    await writeFile(join(root, 'bundles.json'), JSON.stringify(bundles));
  });

  afterAll(async () => {
    await temporal.stop();
    await rm(root, { recursive: true, force: true });
  });

  const log = (place: string): string => join(root, `${place.split(' ')[1]}.log`);

  const bench: EngineWorkbench = {
    place: async () => {
      places += 1;
      return `${temporal.address} ${NAMESPACES[places - 1]}`;
    },
    open: (place, work, probe) => openProbe(place, bundles, work, probe),
    child: async (place, order) => {
      const args = [CHILD, place, log(place), join(root, 'bundles.json'), JSON.stringify(order)];
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
      let said = '';
      child.stdout.on('data', (data: Buffer) => (said += data.toString()));
      child.stderr.on('data', (data: Buffer) => (said += data.toString()));
      const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
      if (signal === 'SIGKILL') return { killed: true };
      if (code !== 0 || said !== '') throw new Error(`The child ended with ${code} and said: ${said}`);
      return { killed: false };
    },
    lines: async (place) => (await readFile(log(place), 'utf8')).trim().split('\n'),
  };

  durableEngineConformance('Temporal', bench);

  // Temporal ends a run whose history has 51,200 events.
  longRunConformance(bench, (place, run) => lengthOf(temporal, place, run), 10_000);
});

/** Events of the last history of a run. */
async function lengthOf({ binary, address }: Temporal, place: string, run: string): Promise<number> {
  const args = [
    'workflow',
    'describe',
    '-w',
    run,
    '--address',
    address,
    '-n',
    place.split(' ')[1] ?? '',
    '-o',
    'json',
  ];
  const { stdout } = await promisify(execFile)(binary, args, { env: { HOME: tmpdir() } });
  return Number(
    (JSON.parse(stdout) as { workflowExecutionInfo: { historyLength: string } }).workflowExecutionInfo
      .historyLength,
  );
}
