import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { missingOf, startTemporal, TESTBED_SERVERS, type Temporal } from '@carapulse/example-testbed';
import { severalProcessesConformance } from '@carapulse/workflows/testing/several';
import { afterAll, beforeAll, describe } from 'vitest';
import { bundleProbes } from './src/temporal/open-probe.ts';
import { sharedWorkbench } from './src/temporal/shared-workbench.ts';

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

  severalProcessesConformance(
    'Temporal',
    sharedWorkbench(
      async () => {
        places += 1;
        return `${temporal.address} ${NAMESPACES[places - 1]}`;
      },
      () => join(root, 'bundles.json'),
    ),
  );
});
