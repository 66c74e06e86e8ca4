import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { ownTemporal } from '@carapulse/e2e/own-temporal';
import { openWorld } from '@carapulse/e2e/world';
import { missingOf, TESTBED_SERVERS } from '@carapulse/example-testbed';
import { AppError } from '@carapulse/kernel';
import { measureFirstEffect } from './first-effect.ts';
import type { Measurement } from './measurement.ts';
import { bundleBare } from './temporal/bundle.ts';

/** The same repair as on the embedded engine, its run on Temporal. */
export const bench = {
  name: 'first effect and recovery on Temporal',
  peer: "a workflow of Temporal's bare SDK that pushes both commits with plain git, on the same development server",
  rounds: 1,
  async run(): Promise<readonly Measurement[]> {
    const server = TESTBED_SERVERS['temporal'];
    const missing = server === undefined ? ['Temporal'] : await missingOf(server);
    if (missing.length > 0) throw new AppError('unavailable', missing.join('; '));
    const code = await bundleBare();
    const temporal = await ownTemporal();
    const world = await openWorld();
    // The world gives up root's rights, so what its processes read is made after it.
    const home = mkdtempSync(join(tmpdir(), 'carapulse-bench-effect-temporal-'));
    const bundle = join(home, 'bundle.js');
    writeFileSync(bundle, code);
    const orchestrator = {
      ...(world.config['orchestrator'] as object),
      engine: 'temporal',
      temporal: { address: temporal.address },
    };
    try {
      return await measureFirstEffect(
        { ...world, start: (change) => world.start({ orchestrator, ...change }) },
        {
          script: join(import.meta.dirname, 'push-on-temporal-process.ts'),
          args: (directory) => [temporal.address, `round-${basename(directory)}`, bundle],
        },
      );
    } finally {
      await temporal.stop();
      rmSync(home, { recursive: true, force: true });
    }
  },
};
