import type { Logger } from '@carapulse/kernel';
import type { FromShared, SharedProcessOrder, ToShared } from '@carapulse/workflows/testing/several';
import { conductSharedProcess } from '@carapulse/workflows/testing/shared-child';
import { createDbosEngine } from '../dbos-engine.ts';
import { openPlace } from './pglite-place.ts';

const [place = '', text = ''] = process.argv.slice(2);
const order = JSON.parse(text) as SharedProcessOrder;
const send = (message: FromShared): void => void process.send?.(message);
const { pool, close } = await openPlace(place);
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
    createDbosEngine({
      pool,
      machines: [machine],
      activities: { work },
      clock: {
        nowMs: () => Date.now() + order.clockOffsetMs,
        monotonicMs: () => performance.now(),
      },
      logger,
      leaseMs: order.leaseMs,
      pollMs: order.pollMs,
    }),
  { send, receive: (listener) => void process.on('message', (message: ToShared) => listener(message)) },
);
await close();
process.disconnect();
