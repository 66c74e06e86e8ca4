import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readySteps, topologicalOrder } from './dag.ts';

interface Node {
  readonly step_id: string;
  readonly depends_on: readonly string[];
}

/** Acyclic graphs: each node depends on some of those made before it, then the list is shuffled. */
const graph: fc.Arbitrary<readonly Node[]> = fc.integer({ min: 1, max: 25 }).chain((size) =>
  fc
    .tuple(
      ...Array.from({ length: size }, (_, index) =>
        fc.subarray(Array.from({ length: index }, (_, id) => `s${id}`)),
      ),
    )
    .map((edges) => edges.map((depends_on, index) => ({ step_id: `s${index}`, depends_on })))
    .chain((nodes) => fc.shuffledSubarray(nodes, { minLength: size, maxLength: size })),
);

describe('topologicalOrder', () => {
  it('holds each step once and after all that it depends on', () => {
    fc.assert(
      fc.property(graph, (nodes) => {
        const order = topologicalOrder(nodes);
        expect(order.toSorted((a, b) => nodes.indexOf(a) - nodes.indexOf(b))).toEqual(nodes);
        const place = new Map(order.map((node, index) => [node.step_id, index]));
        for (const node of order) {
          for (const id of node.depends_on) expect(place.get(id)).toBeLessThan(place.get(node.step_id) ?? -1);
        }
      }),
    );
  });

  it('names the whole circle when an edge closes one', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), (size) => {
        const ring = Array.from({ length: size }, (_, index) => ({
          step_id: `s${index}`,
          depends_on: [`s${(index + 1) % size}`],
        }));
        const whole = [...ring.map((node) => node.step_id), 's0'].join(' → ');
        expect(() => topologicalOrder(ring)).toThrow(whole);
      }),
    );
  });

  it('refuses ids used twice and dependencies that are not there', () => {
    const one = { step_id: 'a', depends_on: [] };
    expect(() => topologicalOrder([one, one])).toThrow('Two steps are called a');
    expect(() => topologicalOrder([{ step_id: 'a', depends_on: ['b'] }])).toThrow('a depends on b');
  });
});

describe('readySteps', () => {
  it('runs a graph to its end, never a step before its dependencies and none twice', () => {
    fc.assert(
      fc.property(graph, fc.infiniteStream(fc.nat()), (nodes, picks) => {
        const finished = new Set<string>();
        const taken = new Set<string>();
        for (const pick of picks) {
          const ready = readySteps(nodes, finished, taken);
          if (ready.length === 0) break;
          const next = ready[pick % ready.length];
          expect(next?.depends_on.every((id) => finished.has(id))).toBe(true);
          expect(taken.has(next?.step_id ?? '')).toBe(false);
          taken.add(next?.step_id ?? '');
          finished.add(next?.step_id ?? '');
        }
        expect(finished.size).toBe(nodes.length);
      }),
    );
  });
});
