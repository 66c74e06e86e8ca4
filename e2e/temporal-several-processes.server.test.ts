import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { missingOf, startTemporal, TESTBED_SERVERS, type Temporal } from '@carapulse/example-testbed';
import { heardOf } from '@carapulse/workflows/testing/probe';
import {
  severalProcessesConformance,
  SharedTarget,
  type SharedAnswer,
  type SharedProcess,
} from '@carapulse/workflows/testing/several';
import { Client, Connection } from '@temporalio/client';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { bundleProbes } from './src/temporal/open-probe.ts';
import { sharedWorkbench } from './src/temporal/shared-workbench.ts';

const LIMIT = { timeout: 240_000 };
const LONG = { timeout: 120_000, interval: 50 };
const WAITS = { work: [], signals: 1 };
const ONE = { work: [{ key: 'a', after: [] }] };
const NAMESPACES = Array.from({ length: 12 }, (_, index) => `shared-${index}`);

const server = TESTBED_SERVERS['temporal'];
const missing = server === undefined ? ['no Temporal in the test bed'] : await missingOf(server);
if (missing.length > 0 && process.env['CI'] === 'true') throw new Error(missing.join('\n'));

describe.skipIf(missing.length > 0)('with Temporal (needs `npm run testbed -- build temporal`)', () => {
  let temporal: Temporal;
  let root = '';
  let places = 0;

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'carapulse-shared-'));
    temporal = await startTemporal({
      directory: root,
      signal: AbortSignal.timeout(60_000),
      namespaces: NAMESPACES,
    });
    await writeFile(join(root, 'bundles.json'), JSON.stringify(await bundleProbes()));
  }, 60_000);

  afterAll(async () => {
    await temporal.stop();
    await rm(root, { recursive: true, force: true });
  });

  const bench = sharedWorkbench(
    async () => {
      places += 1;
      return `${temporal.address} ${NAMESPACES[places - 1]}`;
    },
    () => join(root, 'bundles.json'),
  );
  severalProcessesConformance('Temporal', bench);

  /** How often an activity of the run was given to somebody who never answered. */
  const lossesOf = async (place: string, run: string): Promise<number> => {
    const connection = await Connection.connect({ address: temporal.address });
    const client = new Client({ connection, namespace: place.split(' ')[1] ?? '' });
    const { events } = await client.workflow.getHandle(run).fetchHistory();
    await connection.close();
    return (events ?? []).filter((event) => event.activityTaskTimedOutEventAttributes).length;
  };

  describe('several processes, Temporal alone', () => {
    const target = new SharedTarget();
    const living: SharedProcess[] = [];
    const open = async (place: string, name: string, version = 1): Promise<SharedProcess> => {
      const order = { name, version, clockOffsetMs: 0, leaseMs: 1500, pollMs: 100 };
      const process = await bench.spawn(place, order, target);
      living.push(process);
      await process.call({ name: 'recover' });
      return process;
    };
    const becomes = (process: SharedProcess, run: string, kind: SharedAnswer['kind']) =>
      expect.poll(() => process.call({ name: 'status', run }).then((answer) => answer.kind), LONG).toBe(kind);
    afterEach(async () => {
      for (const each of living) each.kill('SIGKILL');
      await Promise.all(living.splice(0).map((each) => each.ended));
    });

    it('a run waits for a build of its version, and is stuck wherever there is none', LIMIT, async () => {
      const place = await bench.place();
      const [older, newer] = [await open(place, 'older'), await open(place, 'newer', 2)];
      await older.call({ name: 'start', run: 'old', input: WAITS });
      await newer.call({ name: 'start', run: 'new', input: WAITS });
      const stuck = await newer.call({ name: 'status', run: 'old' });
      expect(stuck.kind === 'stuck' && stuck.reason).toMatch(/version 1.*version 2/);
      expect(await older.call({ name: 'status', run: 'old' })).toEqual({ kind: 'running' });
      older.kill('SIGKILL');
      await older.ended;
      await newer.call({ name: 'signal', run: 'old', id: 'one' });
      const back = await open(place, 'back');
      await becomes(back, 'old', 'ended');
      await back.call({ name: 'signal', run: 'new', id: 'one' });
      await becomes(newer, 'new', 'ended');
    });

    it('a stopped process that still asks for work costs no run its outcome', LIMIT, async () => {
      const place = await bench.place();
      const stopped = await open(place, 'stopped');
      // Its questions wait at the server, which takes the process for a living one.
      await stopped.call({ name: 'start', run: 'first', input: ONE });
      await becomes(stopped, 'first', 'ended');
      stopped.kill('SIGSTOP');
      await stopped.stopped();
      const other = await open(place, 'other');
      const runs = Array.from({ length: 4 }, (_, index) => `run-${index}`);
      for (const run of runs) {
        await other.call({ name: 'start', run, input: ONE });
        await becomes(other, run, 'ended');
        const ended = await other.call({ name: 'status', run });
        expect(ended.kind === 'ended' && heardOf(ended.result)).toEqual(['activity a/1 ok']);
        expect(target.count(`${run}/a/1`)).toBe(1);
        expect(await lossesOf(place, run)).toBeLessThanOrEqual(1);
      }
    });
  });
});
