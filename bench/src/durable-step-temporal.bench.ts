import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { missingOf, startTemporal, TESTBED_SERVERS } from '@carapulse/example-testbed';
import { AppError } from '@carapulse/kernel';
import { createTemporalEngine } from '@carapulse/workflow-temporal';
import { planHandlers, planMachine, planRunInput } from '@carapulse/workflows';
import { aPlan, aStep } from '@carapulse/workflows/testing/plan';
import { Client, Connection } from '@temporalio/client';
import { NativeConnection, Worker } from '@temporalio/worker';
import { ANSWER, INSTANT } from './instant-activities.ts';
import { compared, median, type Measurement } from './measurement.ts';
import { bundleBare, bundleOurs } from './temporal/bundle.ts';

const STEPS = 50;
/** A plan's run asks for `begin` and `finish` beside its steps. */
const ACTIVITIES = STEPS + 2;
const ROUNDS = 3;
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
    const engine = await createTemporalEngine({
      server: { address, namespace },
      taskQueue: 'bench',
      bundle: await bundleOurs(),
      machines: [planMachine],
      activities: planHandlers(INSTANT),
      payloadKeys: { current: 'bench', keys: { bench: new Uint8Array(32).fill(1) } },
    });
    const connection = await NativeConnection.connect({ address });
    const worker = await Worker.create({
      connection,
      namespace,
      taskQueue: 'bare',
      workflowBundle: { code: await bundleBare() },
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
      const serial = async (subject: typeof ours, round: number): Promise<number> => {
        const begun = performance.now();
        await subject(`serial-${round}`, STEPS);
        return (performance.now() - begun) / ACTIVITIES;
      };
      const together = async (subject: typeof ours, round: number): Promise<number> => {
        const begun = performance.now();
        const runs = Array.from({ length: AT_ONCE }, (_, index) => `together-${round}-${index}`);
        await Promise.all(runs.map((run) => subject(run, AT_ONCE_STEPS)));
        return (AT_ONCE * (AT_ONCE_STEPS + 2) * 1000) / (performance.now() - begun);
      };
      /** Medians of rounds in turn, after one that isn't counted. */
      const inTurn = async (measure: typeof serial) => {
        const taken = { ours: [] as number[], bare: [] as number[] };
        for (let round = -1; round < ROUNDS; round += 1) {
          const both = { ours: await measure(ours, round), bare: await measure(bare, round) };
          if (round < 0) continue;
          taken.ours.push(both.ours);
          taken.bare.push(both.bare);
        }
        return { ours: median(taken.ours), bare: median(taken.bare) };
      };
      const oneByOne = await inTurn(serial);
      const atOnce = await inTurn(together);
      return [
        compared(
          `activity of a ${STEPS}-step plan, one after another, median of ${ROUNDS}`,
          oneByOne.ours,
          oneByOne.bare,
          'ms',
          '≤ 1.18×',
        ),
        compared(
          `${AT_ONCE} runs at once, median of ${ROUNDS}`,
          atOnce.ours,
          atOnce.bare,
          'activities/s',
          '≥ 0.85×',
        ),
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
