import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { missingOf, startTemporal, TESTBED_SERVERS } from '@carapulse/example-testbed';
import { AppError } from '@carapulse/kernel';
import { bundleMachines, createTemporalEngine } from '@carapulse/workflow-temporal';
import { planHandlers, planMachine, planRunInput } from '@carapulse/workflows';
import { aPlan, aStep } from '@carapulse/workflows/testing/plan';
import { Client, Connection } from '@temporalio/client';
import { NativeConnection, Worker } from '@temporalio/worker';
import { ANSWER, INSTANT } from './instant-activities.ts';
import { compared, median, type Measurement } from './measurement.ts';

const STEPS = 50;
/** A plan's run asks for `begin` and `finish` beside its steps. */
const ACTIVITIES = STEPS + 2;
const SERIAL_ROUNDS = 5;
const AT_ONCE = 50;
const AT_ONCE_STEPS = 10;

/** A plan of reads one after another on Temporal, and a workflow of as many activities on the bare SDK. */
export const bench = {
  name: 'durable step on Temporal',
  peer: "as many activities of a workflow on Temporal's bare SDK, on the same development server",
  async run(): Promise<readonly Measurement[]> {
    const server = TESTBED_SERVERS['temporal'];
    const missing = server === undefined ? ['Temporal'] : await missingOf(server);
    if (missing.length > 0) throw new AppError('unavailable', missing.join('; '));
    const home = await mkdtemp(join(tmpdir(), 'carapulse-bench-temporal-'));
    const temporal = await startTemporal({ directory: home, signal: AbortSignal.timeout(60_000) });
    const { address, namespace } = temporal;
    const bundle = await bundleMachines(
      fileURLToPath(new URL('./temporal/bench-workflows.ts', import.meta.url)),
      undefined,
    );
    const engine = await createTemporalEngine({
      server: { address, namespace },
      taskQueue: 'bench',
      bundle,
      machines: [planMachine],
      activities: planHandlers(INSTANT),
      payloadKeys: { current: 'bench', keys: { bench: new Uint8Array(32).fill(1) } },
    });
    const connection = await NativeConnection.connect({ address });
    const worker = await Worker.create({
      connection,
      namespace,
      taskQueue: 'bare',
      workflowBundle: { code: bundle },
      activities: { step: async () => ANSWER },
    });
    const working = worker.run();
    const direct = await Connection.connect({ address });
    const client = new Client({ connection: direct, namespace });
    const plan = (steps: number) =>
      aPlan(
        Array.from({ length: steps }, (_, index) =>
          aStep(`s${index}`, 'read', index === 0 ? [] : [`s${index - 1}`]),
        ),
      );
    const ours = async (run: string, steps: number): Promise<void> => {
      await engine.start(run, 'plan', planRunInput(run, plan(steps)));
      const end = await engine.wait(run, AbortSignal.timeout(120_000));
      if (end.kind !== 'ended' || end.result['status'] !== 'succeeded') throw new Error('The run failed.');
    };
    const bare = async (run: string, steps: number): Promise<void> => {
      const args: [number] = [steps + 2];
      await client.workflow.execute('bareSteps', { workflowId: `bare-${run}`, taskQueue: 'bare', args });
    };
    try {
      await engine.recover();
      const taken = { ours: [] as number[], bare: [] as number[] };
      for (let round = -1; round < SERIAL_ROUNDS; round += 1) {
        for (const [name, subject] of [
          ['ours', ours],
          ['bare', bare],
        ] as const) {
          const begun = performance.now();
          await subject(`serial-${round}`, STEPS);
          if (round >= 0) taken[name].push((performance.now() - begun) / ACTIVITIES);
        }
      }
      const together = async (subject: typeof ours): Promise<number> => {
        const begun = performance.now();
        await Promise.all(
          Array.from({ length: AT_ONCE }, (_, index) => subject(`together-${index}`, AT_ONCE_STEPS)),
        );
        return (AT_ONCE * (AT_ONCE_STEPS + 2) * 1000) / (performance.now() - begun);
      };
      const rates = [await together(ours), await together(bare)] as const;
      return [
        compared(
          `activity of a ${STEPS}-step plan, one after another, median of ${SERIAL_ROUNDS}`,
          median(taken.ours),
          median(taken.bare),
          'ms',
          '≤ 1.18×',
        ),
        compared(`${AT_ONCE} runs at once`, rates[0], rates[1], 'activities/s', '≥ 0.85×'),
      ];
    } finally {
      await engine.close(1000);
      worker.shutdown();
      await working;
      await connection.close();
      await direct.close();
      await temporal.stop();
      await rm(home, { recursive: true, force: true });
    }
  },
};
