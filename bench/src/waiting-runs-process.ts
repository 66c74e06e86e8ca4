// Holds runs that wait, as a worker of one engine would, and says so when all of them do:
// waiting-runs-process.ts <pglite|temporal> <ours|bare> <how many> <directory, or address and bundle>
import { readFile } from 'node:fs/promises';
import type { ActivityHandler, DurableEngine } from '@carapulse/workflows';
import { planHandlers, planMachine, planRunInput } from '@carapulse/workflows';
import { aPlan, aStep } from '@carapulse/workflows/testing/plan';
import { openDatabase } from '@carapulse/store-postgres';
import { createDbosEngine } from '@carapulse/workflow-dbos';
import { createTemporalEngine } from '@carapulse/workflow-temporal';
import { DBOS } from '@dbos-inc/dbos-sdk';
import { Client, Connection } from '@temporalio/client';
import { NativeConnection, Worker } from '@temporalio/worker';
import { ANSWER, INSTANT } from './instant-activities.ts';

const AT_ONCE = 50;
const [where = '', subject = '', count = '', place = '', codePath = ''] = process.argv.slice(2);
const runs = Array.from({ length: Number(count) }, (_, index) => `run-${index}`);
const everyone = Promise.withResolvers<void>();
let waiting = 0;
if (runs.length === 0) everyone.resolve();

function begun(): void {
  waiting += 1;
  if (waiting === runs.length) everyone.resolve();
}
let engine: DurableEngine | null = null;
/** Each run is paused while it begins, and goes no further. */
const begin: ActivityHandler = async (_, { runId }) => {
  await engine?.signal(runId, 'hold', 'pause', { by: 'user:ada', reason: 'measured' });
  begun();
  return {};
};
const machines = { machines: [planMachine], activities: { ...planHandlers(INSTANT), begin } };

async function startAll(start: (run: string) => Promise<unknown>): Promise<void> {
  for (let at = 0; at < runs.length; at += AT_ONCE) {
    await Promise.all(runs.slice(at, at + AT_ONCE).map((run) => start(run)));
  }
}

async function startOurs(opened: DurableEngine): Promise<void> {
  engine = opened;
  await opened.recover();
  const plan = aPlan([aStep('one', 'write'), aStep('two', 'write', ['one'])]);
  await startAll((run) => opened.start(run, 'plan', planRunInput(run, plan)));
}

async function onPglite(): Promise<void> {
  const database = await openDatabase({ kind: 'pglite', directory: place });
  const bare = DBOS.registerWorkflow(
    async () => {
      await DBOS.runStep(async () => begun(), { name: 'begin' });
      return await DBOS.recv('go', 3600);
    },
    { name: 'bench.waits' },
  );
  const clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now() };
  const opened = await createDbosEngine({ pool: database.pool, clock, ...machines });
  if (subject === 'ours') await startOurs(opened);
  else await startAll(() => DBOS.startWorkflow(bare)());
}

async function onTemporal(): Promise<void> {
  if (subject === 'ours') {
    const opened = await createTemporalEngine({
      server: { address: place, namespace: 'default' },
      taskQueue: `ours-${count}`,
      bundle: await readFile(codePath, 'utf8'),
      ...machines,
      payloadKeys: { current: 'bench', keys: { bench: new Uint8Array(32).fill(1) } },
    });
    return await startOurs(opened);
  }
  const taskQueue = `bare-${count}`;
  const worker = await Worker.create({
    connection: await NativeConnection.connect({ address: place }),
    taskQueue,
    workflowBundle: { codePath },
    activities: {
      step: async () => {
        begun();
        return ANSWER;
      },
    },
  });
  void worker.run();
  const client = new Client({ connection: await Connection.connect({ address: place }) });
  await startAll((run) => client.workflow.start('bareWait', { workflowId: `bare-${run}`, taskQueue }));
}

await (where === 'pglite' ? onPglite() : onTemporal());
await everyone.promise;
process.send?.({ kind: 'waiting' });
process.once('SIGTERM', () => process.exit(0));
