import { appendFileSync } from 'node:fs';
import type { ChildOrder } from '@carapulse/workflows/testing';
import { conductChild } from '@carapulse/workflows/testing/child';
import { probeMachine } from '@carapulse/workflows/testing/probe';
import { createDbosEngine } from '../dbos-engine.ts';
import { killAtSnapshot } from './kill-at-snapshot.ts';
import { openPlace } from './pglite-place.ts';
import { SHORT } from './workbench.ts';

const [place = '', log = '', text = '', lease = 'null'] = process.argv.slice(2);
const order = JSON.parse(text) as ChildOrder;
const { pool, close } = await openPlace(place);
const kill = (): boolean => process.kill(process.pid, 'SIGKILL');
if (order.kill?.kind === 'snapshot') killAtSnapshot(pool, order.kill, kill);
await conductChild(
  order,
  (onHeard, work) =>
    createDbosEngine({
      pool,
      machines: [probeMachine(onHeard)],
      activities: { work },
      leaseMs: JSON.parse(lease) as number | null,
      pollMs: 100,
      ...(order.short && { snapshotEvery: SHORT }),
      clock: { nowMs: () => Date.now(), monotonicMs: () => performance.now() },
    }),
  {
    append: (line) => appendFileSync(log, `${line}\n`, { flag: 'a' }),
    kill,
  },
);
await close();
