import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { durableEngineConformance } from '@carapulse/workflows/testing';
import { afterAll, beforeAll } from 'vitest';
import { createDbosEngine } from './dbos-engine.ts';
import { openPglite } from './testing/pglite-place.ts';
import { workbench } from './testing/workbench.ts';

let root = '';
let places = 0;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'durable '));
  const { pool, close } = await openPglite(join(root, 'template'));
  const clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now() };
  await (await createDbosEngine({ pool, machines: [], activities: {}, clock })).close(0);
  await close();
}, 60_000);

afterAll(async () => rm(root, { recursive: true, force: true }));

durableEngineConformance(
  'DBOS over PGlite',
  workbench(
    async () => {
      places += 1;
      const place = join(root, `place ${places}`);
      await cp(join(root, 'template'), place, { recursive: true });
      return place;
    },
    (place) => `${place}.log`,
  ),
);
