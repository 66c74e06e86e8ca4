import { appendFileSync } from 'node:fs';
import type { ChildOrder } from '@carapulse/workflows/testing';
import { conductChild } from '@carapulse/workflows/testing/child';
import { probeMachine } from '@carapulse/workflows/testing/probe';
import { createDbosEngine } from '../dbos-engine.ts';
import { openPlace } from './pglite-place.ts';

const [place = '', log = '', text = '', lease = 'null'] = process.argv.slice(2);
const { pool, close } = await openPlace(place);
await conductChild(
  JSON.parse(text) as ChildOrder,
  (onHeard, work) =>
    createDbosEngine({
      pool,
      machines: [probeMachine(onHeard)],
      activities: { work },
      leaseMs: JSON.parse(lease) as number | null,
      pollMs: 100,
      clock: { nowMs: () => Date.now(), monotonicMs: () => performance.now() },
    }),
  {
    append: (line) => appendFileSync(log, `${line}\n`, { flag: 'a' }),
    kill: () => process.kill(process.pid, 'SIGKILL'),
  },
);
await close();
