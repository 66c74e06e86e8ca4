import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { missingOf, TESTBED_SERVERS } from '@carapulse/example-testbed';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { processesOf, runClusterDemo } from './src/demo-run.ts';

const servers = ['cluster', 'temporal'].flatMap((name) => TESTBED_SERVERS[name] ?? []);
const missing = (await Promise.all(servers.map(missingOf))).flat();
if (missing.length > 0 && process.env['CI'] === 'true') throw new Error(missing.join('\n'));

describe.skipIf(missing.length > 0)(
  'the demo of a cluster (needs cluster and temporal of the test bed)',
  () => {
    let root = '';
    beforeAll(() => {
      root = mkdtempSync(join(tmpdir(), 'carapulse-demo-'));
      // As root it goes on as nobody, who must be able to pass.
      chmodSync(root, 0o711);
    });
    afterAll(() => rmSync(root, { recursive: true, force: true }));

    test.for(['embedded', 'temporal'] as const)(
      'an upgrade goes bad, Carapulse is killed in its middle, and it is taken back: %s engine',
      { timeout: 400_000 },
      async (engine) => {
        const left = leftInTemp();
        const { status, output } = await runClusterDemo(join(root, engine), ['--engine', engine]);
        expect(status, output).toBe(0);
        expect(output).toMatch(/SIGKILL to process/);
        expect(output).toMatch(/rolled_back: .*rollouts-complete \(unmet: \/complete is false/);
        expect(output).toMatch(/Every object is as it was, as the API server tells/);
        expect(output).toMatch(/succeeded: Every step and check succeeded/);
        expect(output.match(/upgrade\/forward\n/g)).toHaveLength(3);
        expect(processesOf(root)).toEqual([]);
        expect(leftInTemp().filter((name) => !left.includes(name))).toEqual([]);
      },
    );
  },
);

function leftInTemp(): readonly string[] {
  return readdirSync(tmpdir()).filter((name) => name.startsWith('carapulse-cluster-'));
}
