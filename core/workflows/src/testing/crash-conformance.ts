import { expect, it } from 'vitest';
import type { ChildOrder, EngineWorkbench } from './durable-engine-conformance.ts';
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
    for (let count = 1; count <= EVENTS; count += 1) {
      await crash(bench, place, {
        generation: count,
        run: 'r',
        input: BRANCHES,
        kill: { kind: 'heard', count },
      });
    }
    await finish(bench, place, EVENTS + 1);
  });

  it(
    'killed after every effect and before its outcome, repeats that effect alone',
    { timeout: LONG },
    async () => {
      const place = await bench.place();
      const killed: string[] = [];
      for (let generation = 1; generation <= 3; generation += 1) {
        const kill = { kind: 'effect', count: generation === 1 ? 1 : 2 } as const;
        await crash(bench, place, { generation, run: 'r', input: BRANCHES, kill });
        killed.push(`${generation}`);
      }
      expect(killed).toHaveLength(3);
      await finish(bench, place, 4);
    },
  );

  it('killed at any time, loses nothing', { timeout: LONG }, async () => {
    const place = await bench.place();
    let generation = 0;
    for (const ms of [3, 11, 26, 47]) {
      generation += 1;
      await bench.child(place, { generation, run: 'r', input: BRANCHES, kill: { kind: 'after', ms } });
    }
    await finish(bench, place, generation + 1);
  });
}

async function crash(bench: EngineWorkbench, place: string, order: ChildOrder): Promise<void> {
  expect(await bench.child(place, order), `generation ${order.generation}`).toEqual({ killed: true });
}

/** Lets a last process end the run, then reads from the lines of all of them what each heard and ran. */
async function finish(bench: EngineWorkbench, place: string, generation: number): Promise<void> {
  expect(await bench.child(place, { generation, run: 'r', input: BRANCHES, kill: null })).toEqual({
    killed: false,
  });
  const lines = await bench.lines(place);
  const told: string[][] = [];
  const ran: string[][] = [];
  for (const line of lines) {
    const [number = '', kind = '', ...rest] = line.split(' ');
    const lists = kind === 'heard' ? told : ran;
    (lists[Number(number)] ??= []).push(rest.join(' '));
  }
  const last = told[generation] ?? [];
  expect(last).toHaveLength(EVENTS);
  for (let earlier = 1; earlier < generation; earlier += 1) {
    const heard = told[earlier] ?? [];
    expect(last.slice(0, heard.length), `what generation ${earlier} heard`).toEqual(heard);
    const delivered = new Set(heard.map((event) => event.split(' ')[1]));
    for (let later = earlier + 1; later <= generation; later += 1) {
      for (const key of ran[later] ?? []) expect(delivered.has(key), `${key} ran again`).toBe(false);
    }
  }
  for (const keys of ran) expect(new Set(keys ?? []).size).toBe((keys ?? []).length);
}
