import { expect, it } from 'vitest';
import type { EngineWorkbench } from './durable-engine-conformance.ts';
import type { ProbeInput } from './probe-machine.ts';

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
const LONG = 300_000;

/** SIGKILL of real processes, at each journalled event, at each effect, and at any time. */
export function crashConformance(bench: EngineWorkbench): void {
  it('killed at every event it hears, goes on each time where it was', { timeout: LONG }, async () => {
    const place = await bench.place();
    const ends: boolean[] = [];
    for (let count = 1; count <= EVENTS; count += 1) {
      const kill = { kind: 'heard', count } as const;
      ends.push((await bench.child(place, { generation: count, run: 'r', input: BRANCHES, kill })).killed);
    }
    expect(ends).toEqual(Array.from({ length: EVENTS }, () => true));
    expect(await faults(bench, place, EVENTS + 1)).toEqual([]);
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
      expect(await faults(bench, place, 4)).toEqual([]);
    },
  );

  it('killed at any time, loses nothing', { timeout: LONG }, async () => {
    const place = await bench.place();
    let generation = 0;
    for (const ms of [3, 11, 26, 47]) {
      generation += 1;
      await bench.child(place, { generation, run: 'r', input: BRANCHES, kill: { kind: 'after', ms } });
    }
    expect(await faults(bench, place, generation + 1)).toEqual([]);
  });
}

/** Lets a last process end the run, then says what in the lines of all of them breaks a guarantee. */
async function faults(bench: EngineWorkbench, place: string, last: number): Promise<readonly string[]> {
  const { killed } = await bench.child(place, { generation: last, run: 'r', input: BRANCHES, kill: null });
  const found = killed ? ['the last process died'] : [];
  const heard: string[][] = Array.from({ length: last + 1 }, () => []);
  const ran: string[][] = Array.from({ length: last + 1 }, () => []);
  for (const line of await bench.lines(place)) {
    const [generation = '', kind = '', ...rest] = line.split(' ');
    if (kind === 'ran') {
      ran[Number(generation)]?.push(rest.join(' '));
      continue;
    }
    // An engine may let a machine hear its history again in one process: each place must hold the same then.
    const [count = '', ...told] = rest;
    const events = heard[Number(generation)] ?? [];
    const earlier = (events[Number(count) - 1] ??= told.join(' '));
    if (earlier !== told.join(' '))
      found.push(`generation ${generation} heard ${earlier}, then ${told.join(' ')}`);
  }
  const whole = heard[last] ?? [];
  if (whole.length !== EVENTS) found.push(`${whole.length} events were heard: ${whole.join('; ')}`);
  for (const [earlier, events] of heard.entries()) {
    if (events.some((event, index) => whole[index] !== event)) {
      found.push(`generation ${earlier} heard ${events.join('; ')}, the last one ${whole.join('; ')}`);
    }
    const delivered = new Set(events.map((event) => event.split(' ')[1]));
    for (const keys of ran.slice(earlier + 1)) {
      found.push(...keys.filter((key) => delivered.has(key)).map((key) => `${key} ran again`));
    }
  }
  for (const keys of ran)
    if (new Set(keys).size !== keys.length) found.push(`twice in one process: ${keys.join()}`);
  return found;
}
