import type { Database } from '@carapulse/store-postgres';
import { createDbosEngine } from '@carapulse/workflow-dbos';
import { planHandlers, planMachine, planRunInput } from '@carapulse/workflows';
import { aPlan, aStep } from '@carapulse/workflows/testing/plan';
import { DBOS } from '@dbos-inc/dbos-sdk';
import { ANSWER, INSTANT } from './instant-activities.ts';
import { compared, median, type Measurement } from './measurement.ts';

const STEPS = 150;
const ROUNDS = 7;
const AT_ONCE = 50;
const AT_ONCE_STEPS = 10;

const clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now() };

/**
 * What a step costs in the engine alone: plans of reads, each instant, begin and finish included, beside workflows of
 * as many bare DBOS steps and beside raw synced inserts, all on the one database, which is closed in the end.
 */
export async function measureDbosSteps(database: Database): Promise<readonly Measurement[]> {
  const bareSteps = DBOS.registerWorkflow(
    async (steps: number) => {
      for (let step = 0; step < steps; step += 1) await DBOS.runStep(async () => ANSWER, { name: 'step' });
      return {};
    },
    { name: 'bench.bare' },
  );
  const engine = await createDbosEngine({
    pool: database.pool,
    machines: [planMachine],
    activities: planHandlers(INSTANT),
    clock,
  });
  const ours = async (run: string, steps: number): Promise<void> => {
    const plan = aPlan(
      Array.from({ length: steps }, (_, index) =>
        aStep(`s${index}`, 'read', index === 0 ? [] : [`s${index - 1}`]),
      ),
    );
    await engine.start(run, 'plan', planRunInput(run, plan));
    const end = await engine.wait(run, AbortSignal.timeout(120_000));
    if (end.kind !== 'ended' || end.result['status'] !== 'succeeded') throw new Error('The run failed.');
  };
  const bare = async (_: string, steps: number): Promise<void> => {
    await (await DBOS.startWorkflow(bareSteps)(steps)).getResult();
  };
  const event = JSON.stringify({ kind: 'activity', key: 'run/s1/1', outcome: ANSWER, atMs: 0 });
  const insert = async (_: string, steps: number): Promise<void> => {
    for (let step = 0; step < steps; step += 1) {
      await database.pool.query('INSERT INTO bench_insert (event) VALUES ($1)', [event]);
    }
  };
  try {
    await engine.recover();
    await database.pool.query('CREATE TABLE bench_insert (id serial PRIMARY KEY, event text NOT NULL)');
    const subjects = { ours, bare, insert };
    const serial = { ours: [] as number[], bare: [] as number[], insert: [] as number[] };
    const atOnce = { ours: [] as number[], bare: [] as number[] };
    for (let round = -1; round < ROUNDS; round += 1) {
      for (const subject of ['ours', 'bare', 'insert'] as const) {
        const begun = performance.now();
        await subjects[subject](`serial-${round}`, STEPS);
        if (round >= 0) serial[subject].push((performance.now() - begun) / STEPS);
      }
      for (const subject of ['ours', 'bare'] as const) {
        const begun = performance.now();
        await Promise.all(
          Array.from({ length: AT_ONCE }, (_, index) =>
            subjects[subject](`at-once-${round}-${index}`, AT_ONCE_STEPS),
          ),
        );
        if (round >= 0) atOnce[subject].push((AT_ONCE * AT_ONCE_STEPS * 1000) / (performance.now() - begun));
      }
    }
    const step = median(serial.ours);
    return [
      compared(
        `step of a ${STEPS}-step plan against a bare DBOS step, median of ${ROUNDS}`,
        step,
        median(serial.bare),
        'ms',
        '≤ 1.15×',
      ),
      compared('the same step against a raw synced insert', step, median(serial.insert), 'ms', ''),
      compared(
        `${AT_ONCE} runs at once, median of ${ROUNDS}`,
        median(atOnce.ours),
        median(atOnce.bare),
        'steps/s',
        'ratio ≥ 0.85',
      ),
    ];
  } finally {
    await engine.close(1000);
    await database.close();
  }
}
