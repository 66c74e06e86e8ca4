import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDatabase } from '@carapulse/store-postgres';
import { planHandlers, planMachine, planRunInput } from '@carapulse/workflows';
import { aPlan, aStep } from '@carapulse/workflows/testing/plan';
import { createDbosEngine } from '@carapulse/workflow-dbos';
import { DBOS } from '@dbos-inc/dbos-sdk';
import { ANSWER, INSTANT } from './instant-activities.ts';
import { compared, median, type Measurement } from './measurement.ts';

const STEPS = 150;
const ROUNDS = 7;

const clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now() };
/** A plan of reads one after another, each instant: what a step costs in the engine alone, begin and finish included. */
export const bench = {
  name: 'durable step',
  peer: 'a bare DBOS step, and a raw synced insert, on the same database',
  async run(): Promise<readonly Measurement[]> {
    const home = await mkdtemp(join(tmpdir(), 'carapulse-bench-step-'));
    const database = await openDatabase({ kind: 'pglite', directory: join(home, 'data') });
    const bare = DBOS.registerWorkflow(
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
    try {
      await engine.recover();
      await database.pool.query('CREATE TABLE bench_insert (id serial PRIMARY KEY, event text NOT NULL)');
      const plan = aPlan(
        Array.from({ length: STEPS }, (_, index) =>
          aStep(`s${index}`, 'read', index === 0 ? [] : [`s${index - 1}`]),
        ),
      );
      const event = JSON.stringify({ kind: 'activity', key: 'run/s1/1', outcome: ANSWER, atMs: 0 });
      const subjects = {
        ours: async (round: number): Promise<void> => {
          const run = `bench-${round}`;
          await engine.start(run, 'plan', planRunInput(run, plan));
          const end = await engine.wait(run, AbortSignal.timeout(60_000));
          if (end.kind !== 'ended' || end.result['status'] !== 'succeeded')
            throw new Error('The run failed.');
        },
        bare: async (): Promise<void> => {
          await (await DBOS.startWorkflow(bare)(STEPS)).getResult();
        },
        insert: async (): Promise<void> => {
          for (let step = 0; step < STEPS; step += 1) {
            await database.pool.query('INSERT INTO bench_insert (event) VALUES ($1)', [event]);
          }
        },
      };
      const taken: Record<keyof typeof subjects, number[]> = { ours: [], bare: [], insert: [] };
      for (let round = -1; round < ROUNDS; round += 1) {
        for (const subject of ['ours', 'bare', 'insert'] as const) {
          const begun = performance.now();
          await subjects[subject](round);
          if (round >= 0) taken[subject].push((performance.now() - begun) / STEPS);
        }
      }
      const [ours, peer, insert] = [median(taken.ours), median(taken.bare), median(taken.insert)];
      return [
        compared(
          `step of a ${STEPS}-step plan against a bare DBOS step, median of ${ROUNDS}`,
          ours,
          peer,
          'ms',
          '≤ 1.15×',
        ),
        compared('the same step against a raw synced insert', ours, insert, 'ms', ''),
      ];
    } finally {
      await engine.close(1000);
      await database.close();
      await rm(home, { recursive: true, force: true });
    }
  },
};
