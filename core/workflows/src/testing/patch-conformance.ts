import { expect, it } from 'vitest';
import type { ActivityHandler, DurableEngine } from '../durable-engine.ts';
import { replayHistory } from '../replay-history.ts';
import type { EngineWorkbench } from './durable-engine-conformance.ts';
import { heardOf, PROBE_PATCH, probeMachine } from './probe-machine.ts';

const INPUT = { work: [{ key: 'a', after: [] }], signals: 1 };
const soon = (): AbortSignal => AbortSignal.timeout(60_000);

/** Code that is changed within a version of its machine. */
export function patchConformance(bench: EngineWorkbench): void {
  it('leads a run as the build that started it knew, and refuses it where that is not known', async () => {
    const place = await bench.place();
    const work: ActivityHandler = async () => ({});
    const heard = async (engine: DurableEngine, run: string): Promise<readonly string[]> => {
      await engine.signal(run, 's', 'go', {});
      const end = await engine.wait(run, soon());
      return end.kind === 'ended' ? heardOf(end.result).toSorted() : [JSON.stringify(end)];
    };
    const before = await bench.open(place, work);
    await before.recover();
    await before.start('old', 'probe', INPUT);
    await before.close(1000);

    const after = await bench.open(place, work, { patched: true });
    expect(await after.recover()).toEqual({ resumed: 1, stuck: 0 });
    await after.start('new', 'probe', INPUT);
    await after.start('later', 'probe', INPUT);
    expect(await heard(after, 'old')).toEqual(['activity a/1 ok', 'signal go {}']);
    const patched = ['activity a/1 ok', 'activity patched/1 ok', 'signal go {}'];
    expect(await heard(after, 'new')).toEqual(patched);
    const history = await after.history('new');
    if (history?.engine === 'embedded') {
      expect(replayHistory([probeMachine(undefined, 1, [PROBE_PATCH])], history).kind).toBe('same');
      const verdict = replayHistory([probeMachine()], history);
      expect(verdict.kind === 'differs' && verdict.reason).toMatch(/patch one more of machine probe/);
    }
    await after.close(1000);

    const back = await bench.open(place, work);
    await back.recover();
    // There may be nothing to decide for a run that waits, so nobody sees what is missing before it hears something.
    await back.signal('later', 's', 'go', {});
    const stuck = await back.wait('later', soon());
    expect(stuck.kind === 'stuck' && stuck.reason).toMatch(/patch one more/);
    await back.close(1000);
    const again = await bench.open(place, work, { patched: true });
    await again.recover();
    // An engine may take a while to try again what could not be decided.
    const ended = async (): Promise<string> => (await again.status('later')).kind;
    await expect.poll(ended, { timeout: 120_000, interval: 100 }).toBe('ended');
    expect(await heard(again, 'later')).toEqual(patched);
    await again.close(1000);
  }, 240_000);
}
