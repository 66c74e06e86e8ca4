import { readFileSync } from 'node:fs';
import type { Logger } from '@carapulse/kernel';
import type { FromShared, SharedProcessOrder, ToShared } from '@carapulse/workflows/testing/several';
import { conductSharedProcess } from '@carapulse/workflows/testing/shared-child';
import type { ProbeBundles } from './open-probe.ts';
import { openProbe } from './open-probe.ts';

const [place = '', bundles = '', text = ''] = process.argv.slice(2);
const order = JSON.parse(text) as SharedProcessOrder;
const read = JSON.parse(readFileSync(bundles, 'utf8')) as ProbeBundles;
const send = (message: FromShared): void => void process.send?.(message);
const logger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: (message, fields) => {
    const run = fields?.['run_id'];
    send({ kind: 'log', message, run: typeof run === 'string' ? run : '' });
  },
  child: () => logger,
};
await conductSharedProcess(
  order,
  (machine, work) =>
    openProbe(
      place,
      read,
      work,
      { version: machine.version === 2 ? 2 : 1 },
      { missedAfterMs: order.leaseMs, logger },
    ),
  { send, receive: (listener) => void process.on('message', (message: ToShared) => listener(message)) },
);
process.disconnect();
