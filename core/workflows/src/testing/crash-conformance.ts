import { expect, it } from 'vitest';
import { childRunId, type RunStatus } from '../durable-engine.ts';
import type { ChildOrder, EngineWorkbench } from './durable-engine-conformance.ts';
import type { ProbeInput } from './probe-machine.ts';
import { heardOf } from './probe-machine.ts';

/** Two branches that cross no edge until their join, beside a timer and a signal. */
const BRANCHES: ProbeInput = {
  work: [
    { key: 'a', after: [] },
    { key: 'b', after: [] },
    { key: 'c', after: ['a'] },
    { key: 'd', after: ['b'] },
    { key: 'e', after: ['c', 'd'] },
  ],
  timersMs: [30],
  signals: 1,
};
const EVENTS = 7;
const KID: ProbeInput = { work: [{ key: 'x', after: [] }] };
/** A child between two pieces of work. */
const FAMILY: ProbeInput = {
  work: [{ key: 'a', after: [] }],
  signals: 1,
  children: [{ key: 'kid', after: ['a'], machine: 'probe', input: KID }],
};
const FAMILY_EVENTS = 3;
const LONG = 300_000;

/**
 * SIGKILL of real processes, at each journalled event, at each effect, at each snapshot, and at any time. Where little is
 * kept of a run, what comes after a kill goes on from a snapshot.
 */
export function crashConformance(bench: EngineWorkbench): void {
  it('killed at every event it hears, goes on each time where it was', { timeout: LONG }, async () => {
    const place = await bench.place();
    const ends: boolean[] = [];
    for (let count = 1; count <= EVENTS; count += 1) {
      const kill = { kind: 'heard', count } as const;
      const order = { generation: count, run: 'r', input: BRANCHES, short: true, kill } as const;
      ends.push((await bench.child(place, order)).killed);
    }
    expect(ends).toEqual(Array.from({ length: EVENTS }, () => true));
    const end = last(EVENTS + 1, BRANCHES, { short: true });
    expect(await faults(bench, place, end, EVENTS)).toEqual([]);
  });

  it(
    'killed after an effect and before its outcome, repeats no more than that',
    { timeout: LONG },
    async () => {
      const place = await bench.place();
      const ends: boolean[] = [];
      for (const [index, count] of [1, 2, 2].entries()) {
        const order = {
          generation: index + 1,
          run: 'r',
          input: BRANCHES,
          kill: { kind: 'effect', count },
        } as const;
        ends.push((await bench.child(place, order)).killed);
      }
      expect(ends).toEqual([true, true, true]);
      expect(await faults(bench, place, last(4, BRANCHES), EVENTS)).toEqual([]);
    },
  );

  it('killed at any time, loses nothing', { timeout: LONG }, async () => {
    const place = await bench.place();
    let generation = 0;
    for (const ms of [3, 11, 26, 47]) {
      generation += 1;
      const kill = { kind: 'after', ms } as const;
      await bench.child(place, { generation, run: 'r', input: BRANCHES, short: true, kill });
    }
    expect(await faults(bench, place, last(generation + 1, BRANCHES), EVENTS)).toEqual([]);
  });

  it.skipIf(bench.killsAtSnapshots === undefined)(
    'killed before, while and after a snapshot is written, loses nothing',
    { timeout: LONG },
    async () => {
      const place = await bench.place();
      const ends: boolean[] = [];
      for (const [index, when] of (['before', 'during', 'after', 'during', 'before'] as const).entries()) {
        const kill = { kind: 'snapshot', count: 1, when } as const;
        const order = { generation: index + 1, run: 'r', input: BRANCHES, short: true, kill } as const;
        ends.push((await bench.child(place, order)).killed);
      }
      expect(ends.slice(0, 3)).toEqual([true, true, true]);
      expect(await faults(bench, place, last(6, BRANCHES, { short: true }), EVENTS)).toEqual([]);
    },
  );

  it(
    'killed at every event of a parent and of its child, starts and hears it once',
    { timeout: LONG },
    async () => {
      const place = await bench.place();
      const kid = childRunId('r', 'kid');
      const kills = [
        { kind: 'heard', count: 1 },
        { kind: 'heard', count: 2 },
        { kind: 'heard', run: kid, count: 1 },
        { kind: 'heard', count: 3 },
      ] as const;
      const ends: boolean[] = [];
      for (const [index, kill] of kills.entries()) {
        const order = { generation: index + 1, run: 'r', input: FAMILY, short: true, kill } as const;
        ends.push((await bench.child(place, order)).killed);
      }
      expect(ends).toEqual([true, true, true, true]);
      const end = last(kills.length + 1, FAMILY, { short: true });
      expect(await faults(bench, place, end, FAMILY_EVENTS)).toEqual([]);
      const lines = await bench.lines(place);
      const told = (run: string): Set<string> =>
        new Set(
          lines.filter((line) => line.includes(` heard ${run} `)).map((line) => line.replace(/^\d+ /, '')),
        );
      expect([...told(kid)]).toEqual([`heard ${kid} 1 activity x/1 ok`]);
    },
  );
}

function last(generation: number, input: ProbeInput, change: Partial<ChildOrder> = {}): ChildOrder {
  return { generation, run: 'r', input, kill: null, ...change };
}

/** Lets a last process end the run, then says what in the lines of all of them breaks a guarantee. */
async function faults(
  bench: EngineWorkbench,
  place: string,
  order: ChildOrder,
  events: number,
): Promise<readonly string[]> {
  const { killed } = await bench.child(place, order);
  const found = killed ? ['the last process died'] : [];
  /** What the run heard at each place, whoever heard it; one that begins at a snapshot hears the rest. */
  const whole: string[] = [];
  const delivered: Set<string>[] = [];
  const ran: string[][] = [];
  let end: RunStatus = { kind: 'absent' };
  for (const line of await bench.lines(place)) {
    const [generation = '', kind = '', ...rest] = line.split(' ');
    const index = Number(generation);
    if (kind === 'ended') end = JSON.parse(rest.join(' ')) as RunStatus;
    if (kind === 'ran') (ran[index] ??= []).push(rest.join(' '));
    if (kind !== 'heard') continue;
    const [run = '', count = '', ...told] = rest;
    const [, key = ''] = told;
    (delivered[index] ??= new Set()).add(`${run}/${key}`);
    if (run !== order.run) continue;
    // An engine may let a machine hear its history again: each place must hold the same then.
    const earlier = (whole[Number(count) - 1] ??= told.join(' '));
    if (earlier !== told.join(' '))
      found.push(`generation ${generation} heard ${told.join(' ')} where ${earlier} was heard`);
  }
  if (whole.length !== events) found.push(`${whole.length} events were heard: ${whole.join('; ')}`);
  const heard = end.kind === 'ended' ? heardOf(end.result) : [end.kind];
  if (heard.join('; ') !== whole.join('; '))
    found.push(`it ended with ${heard.join('; ')}, and heard ${whole.join('; ')}`);
  for (const [earlier, keys] of delivered.entries())
    for (const later of ran.slice(earlier + 1))
      found.push(...(later ?? []).filter((key) => keys?.has(key)).map((key) => `${key} ran again`));
  for (const keys of ran)
    if (keys !== undefined && new Set(keys).size !== keys.length)
      found.push(`twice in one process: ${keys.join()}`);
  return found;
}
