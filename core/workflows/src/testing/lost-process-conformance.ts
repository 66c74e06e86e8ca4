import { AppError } from '@carapulse/kernel';
import { expect, it } from 'vitest';
import { LOST_AT_MOST } from '../durable-engine.ts';
import type { EngineWorkbench } from './durable-engine-conformance.ts';
import type { ProbeInput } from './probe-machine.ts';
import { heardOf } from './probe-machine.ts';

const LONG = 300_000;
const POISONED: ProbeInput = {
  work: [
    { key: 'poison', after: [] },
    { key: 'next', after: ['poison'] },
  ],
};

/** Activities that their processes die of, and activities whose processes merely close. */
export function lostProcessConformance(bench: EngineWorkbench): void {
  it(
    `an activity that kills ${LOST_AT_MOST} processes is unknown and kills no more`,
    { timeout: LONG },
    async () => {
      const place = await bench.place();
      let killed = 0;
      for (let generation = 1; generation <= LOST_AT_MOST + 1; generation += 1) {
        const kill = { kind: 'activity', key: 'poison' } as const;
        const child = await bench.child(place, { generation, run: 'r', input: POISONED, kill });
        if (child.killed) killed += 1;
      }
      expect(killed).toBe(LOST_AT_MOST);
      const ended = (await bench.lines(place)).find((line) => line.includes(' ended '));
      expect(ended).toContain('activity poison/1 outcome_unknown unknown');
      expect(ended).toContain('activity next/1 ok');
    },
  );

  it(
    'a process that closes while an activity runs counts nothing against it, however often',
    { timeout: LONG },
    async () => {
      const place = await bench.place();
      const closings = LOST_AT_MOST + 1;
      for (let generation = 0; generation <= closings; generation += 1) {
        const begun = Promise.withResolvers<void>();
        const engine = await bench.open(place, async (_, { signal }) => {
          begun.resolve();
          if (generation === closings) return {};
          return new Promise((_resolve, reject) => {
            signal.addEventListener('abort', () => reject(new AppError('cancelled', 'stopped')));
          });
        });
        await engine.recover();
        if (generation === 0) await engine.start('r', 'probe', { work: [{ key: 'a', after: [] }] });
        await begun.promise;
        if (generation === closings) {
          const end = await engine.wait('r', AbortSignal.timeout(30_000));
          expect(end.kind === 'ended' && heardOf(end.result)).toEqual(['activity a/1 ok']);
        }
        await engine.close(0);
      }
    },
  );
}
