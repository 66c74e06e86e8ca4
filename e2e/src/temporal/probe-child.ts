import { appendFileSync, readFileSync } from 'node:fs';
import type { ChildOrder } from '@carapulse/workflows/testing';
import { conductChild } from '@carapulse/workflows/testing/child';
import type { ProbeBundles } from './open-probe.ts';
import { openProbe } from './open-probe.ts';

/** Longer than a busy machine needs for a heartbeat, short enough to be killed often. */
const MISSED_AFTER_MS = 2000;

const [place = '', log = '', bundles = '', text = ''] = process.argv.slice(2);
const read = JSON.parse(readFileSync(bundles, 'utf8')) as ProbeBundles;
const order = JSON.parse(text) as ChildOrder;
const short = order.short && { short: order.short };
await conductChild(
  order,
  (onHeard, work) => openProbe(place, read, work, { onHeard, ...short }, { missedAfterMs: MISSED_AFTER_MS }),
  {
    append: (line) => appendFileSync(log, `${line}\n`, { flag: 'a' }),
    kill: () => process.kill(process.pid, 'SIGKILL'),
  },
);
