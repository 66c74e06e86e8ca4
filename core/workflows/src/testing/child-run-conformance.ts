import type { JsonObject } from '@carapulse/kernel';
import { expect, it } from 'vitest';
import type { ActivityHandler } from '../durable-engine.ts';
import { childRunId } from '../durable-engine.ts';
import type { EngineWorkbench } from './durable-engine-conformance.ts';
import type { ProbeInput } from './probe-machine.ts';
import { heardOf } from './probe-machine.ts';

const soon = (): AbortSignal => AbortSignal.timeout(60_000);
const LIMIT = 120_000;

function family(kid: ProbeInput, change: Partial<ProbeInput> = {}, machine = 'probe'): JsonObject {
  const children = [{ key: 'kid', after: [], machine, input: kid }];
  return { work: [], children, ...change };
}

/** Runs that start other runs. */
export function childRunConformance(bench: EngineWorkbench): void {
  const kid = childRunId('r', 'kid');

  it('starts a child once, also when somebody else has, and hears its end', { timeout: LIMIT }, async () => {
    const place = await bench.place();
    const ran: string[] = [];
    const engine = await bench.open(place, async (_, { key }) => {
      ran.push(key);
      return {};
    });
    await engine.recover();
    const given: ProbeInput = { work: [{ key: 'x', after: [] }] };
    const twin = childRunId('twin', 'kid');
    await engine.start(twin, 'probe', given);
    for (const run of ['r', 'twin']) {
      expect(await engine.start(run, 'probe', family(given))).toBe('started');
      const end = await engine.wait(run, soon());
      expect(end.kind === 'ended' && heardOf(end.result)).toEqual(['child kid ended']);
      expect(await engine.start(childRunId(run, 'kid'), 'probe', {})).toBe('exists');
    }
    expect(await engine.status(kid)).toMatchObject({ kind: 'ended' });
    await engine.close(1000);
    expect(ran.toSorted()).toEqual([`${twin}/x/1`, `${kid}/x/1`].toSorted());
  });

  it('passes a cancel on to the child, which ends as it likes', { timeout: LIMIT }, async () => {
    const place = await bench.place();
    const engine = await bench.open(place, async () => ({}));
    await engine.recover();
    await engine.start('r', 'probe', family({ work: [], signals: 1 }, { signals: 1, cancelOnSignal: 'kid' }));
    await expect.poll(async () => (await engine.status(kid)).kind, { timeout: 30_000 }).toBe('running');
    await engine.signal('r', 's', 'stop', {});
    const end = await engine.wait('r', soon());
    expect(end.kind === 'ended' && heardOf(end.result)).toEqual(['signal stop {}', 'child kid ended']);
    const child = await engine.status(kid);
    expect(child.kind === 'ended' && heardOf(child.result)).toEqual(['signal cancel {}']);
    await engine.close(1000);
  });

  it('is told once that a child is stuck, and its end when it ends', { timeout: LIMIT }, async () => {
    const place = await bench.place();
    const work: ActivityHandler = async () => ({});
    const told: string[] = [];
    const engine = await bench.open(place, work, {
      onHeard: (run, event) => run === 'r' && told.push(event),
    });
    await engine.recover();
    const broken = family({ work: [{ key: 'x', after: [] }], breaks: true });
    await engine.start('r', 'probe', broken);
    await expect.poll(() => told, { timeout: 30_000, interval: 20 }).toContain('child kid stuck');
    expect(await engine.status('r')).toEqual({ kind: 'running' });
    await engine.start('none', 'probe', family({ work: [] }, {}, 'nothing'));
    expect(await engine.status(childRunId('none', 'kid'))).toEqual({ kind: 'absent' });
    await engine.close(1000);
    expect(new Set(told)).toEqual(new Set(['child kid stuck']));
  });

  it(
    'goes on to wait for a child across restarts, each keeping little of it',
    { timeout: LIMIT },
    async () => {
      const place = await bench.place();
      const given = { work: [{ key: 'x', after: [] }], signals: 1 };
      for (let generation = 0; generation < 3; generation += 1) {
        const engine = await bench.open(place, async () => ({}), { short: true });
        await engine.recover();
        if (generation === 0) await engine.start('r', 'probe', family(given, { signals: 12 }));
        for (let count = 0; count < 4; count += 1)
          await engine.signal('r', `s${generation}-${count}`, 'go', {});
        if (generation === 2) {
          await engine.signal(kid, 's', 'go', {});
          const end = await engine.wait('r', soon());
          const heard = end.kind === 'ended' ? heardOf(end.result) : [end.kind];
          expect(heard.filter((each) => each === 'child kid ended')).toHaveLength(1);
          expect(heard).toHaveLength(13);
        }
        await engine.close(1000);
      }
    },
  );
}
