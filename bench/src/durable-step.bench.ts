import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDatabase } from '@carapulse/store-postgres';
import { measureDbosSteps } from './dbos-steps.ts';
import type { Measurement } from './measurement.ts';

export const bench = {
  name: 'durable step on PGlite',
  peer: 'a bare DBOS step, and a raw synced insert, on the same database',
  async run(): Promise<readonly Measurement[]> {
    const home = await mkdtemp(join(tmpdir(), 'carapulse-bench-step-'));
    try {
      return await measureDbosSteps(await openDatabase({ kind: 'pglite', directory: join(home, 'data') }));
    } finally {
      await rm(home, { recursive: true, force: true });
    }
  },
};
