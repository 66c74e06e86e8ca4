import { expect, it } from 'vitest';
import type { ActivityHandler } from '../durable-engine.ts';
import type { EngineWorkbench } from './durable-engine-conformance.ts';

const STEPS = 10_000;
const LONG_MS = 900_000;

/**
 * A run whose history is long. `recorded` says how much of it the engine keeps in one piece, in its own unit; the run is
 * closed and opened again in its middle.
 */
export function longRunConformance(
  bench: EngineWorkbench,
  recorded: (place: string, run: string) => Promise<number>,
  atMost: number,
): void {
  it(
    `carries a run of ${STEPS} steps across a restart, each once, and keeps its history bounded`,
    { timeout: LONG_MS },
    async () => {
      const place = await bench.place();
      const ran = new Set<string>();
      const again: string[] = [];
      const half = Promise.withResolvers<void>();
      const work: ActivityHandler = async (_, { key }) => {
        if (ran.has(key)) again.push(key);
        ran.add(key);
        if (ran.size === STEPS / 2) half.resolve();
        return {};
      };
      const first = await bench.open(place, work);
      await first.recover();
      await first.start('r', 'probe', { work: [], loops: STEPS });
      await half.promise;
      await first.close(10_000);
      const second = await bench.open(place, work);
      expect(await second.recover()).toEqual({ resumed: 1, stuck: 0 });
      expect(await second.wait('r', AbortSignal.timeout(LONG_MS))).toMatchObject({ kind: 'ended' });
      await second.close(1000);
      expect(ran.size).toBe(STEPS);
      expect(again).toEqual([]);
      expect(await recorded(place, 'r')).toBeLessThan(atMost);
    },
  );
}
