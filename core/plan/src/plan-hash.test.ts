import { jsonPointer } from '@carapulse/kernel';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Plan } from './plan.ts';
import { planHash } from './plan-hash.ts';
import { fixtureCall, fixturePlan, fixtureRead } from './plan-fixture.ts';

// Written by hand and apart from the tables in plan-hash.ts: what is only for people and the record.
const SHOWN = [
  /^\/(plan_id|plan_hash|summary|trigger|created_by|created_at|incident_id|origin|risk|blast_radius)(\/|$)/,
  /^\/policy\/(reasons|bundle_digest)(\/|$)/,
  /^\/steps\/\d+\/(title|preview|commands)(\/|$)/,
  /^\/checks\/\d+\/title$/,
  /^\/steps\/\d+\/(preconditions|verify)\/\d+\/title$/,
  /^\/steps\/\d+\/rollback\/verify\/\d+\/title$/,
  /^\/steps\/\d+\/rollback\/reason$/,
];

type Path = readonly (string | number)[];

const plan = fixturePlan({
  authors: ['user:alice', 'user:bob'],
  steps: [
    ...fixturePlan().steps,
    {
      ...fixtureRead('bound', ['look']),
      call: fixtureCall(
        { repository: 'shop', nested: { deep: [1, { leaf: true }] } },
        {
          action: 'show',
          bindings: [
            {
              pointer: '/revision',
              from_step: 'look',
              from_pointer: '/parents/0',
              bounds: { type: 'string', max_length: 40, charset: 'hex' },
            },
          ],
        },
      ),
    },
  ],
});

function leaves(value: unknown, path: Path = []): readonly Path[] {
  if (typeof value !== 'object' || value === null) return [path];
  const members = Object.entries(value).map(
    ([key, member]) => [Array.isArray(value) ? Number(key) : key, member] as const,
  );
  return members.flatMap(([key, member]) => leaves(member, [...path, key]));
}

function edited(document: Plan, path: Path, change: (value: unknown) => unknown): Plan {
  const copy: unknown = structuredClone(document);
  let at = copy as Record<string | number, unknown>; // walks an object tree by paths taken from it
  for (const key of path.slice(0, -1)) at = at[key] as Record<string | number, unknown>;
  const last = path.at(-1) ?? '';
  at[last] = change(at[last]);
  return copy as Plan;
}

function different(value: unknown, salt: string): unknown {
  if (typeof value === 'string') return `${value}${salt}`;
  if (typeof value === 'number') return value + 1 + salt.length;
  if (typeof value === 'boolean') return !value;
  return salt;
}

const paths = leaves(plan);
const isShown = (path: Path): boolean => SHOWN.some((pattern) => pattern.test(jsonPointer(path)));
const hashOfEdited = (path: Path): string => planHash(edited(plan, path, (value) => different(value, 'x')));
const salt = fc.string({ minLength: 1, maxLength: 5, unit: 'grapheme-ascii' });

describe('planHash', () => {
  it('changes with any edit of a field that can change the effect, at any depth', () => {
    const hashed = paths.filter((path) => !isShown(path));
    expect(hashed.length).toBeGreaterThan(100);
    expect(hashed.filter((path) => hashOfEdited(path) === plan.plan_hash).map(jsonPointer)).toEqual([]);
    fc.assert(
      fc.property(fc.constantFrom(...hashed), salt, (path, text) => {
        expect(planHash(edited(plan, path, (value) => different(value, text)))).not.toBe(plan.plan_hash);
      }),
    );
  });

  it('does not change with any edit of a field that is only shown', () => {
    const shown = paths.filter(isShown);
    expect(shown.length).toBeGreaterThan(20);
    expect(shown.filter((path) => hashOfEdited(path) !== plan.plan_hash).map(jsonPointer)).toEqual([]);
  });

  it('changes when a step, check, constraint or effect is removed, repeated or moved', () => {
    const lists: readonly Path[] = [
      ['steps'],
      ['checks'],
      ['policy', 'constraints'],
      ['steps', 1, 'effects'],
      ['steps', 1, 'verify'],
      ['steps', 1, 'preconditions'],
      ['steps', 1, 'rollback', 'verify'],
      ['steps', 2, 'call', 'bindings'],
      ['steps', 1, 'depends_on'],
      ['checks', 0, 'expect'],
    ];
    for (const path of lists) {
      const removed = edited(plan, path, (list) => (list as readonly unknown[]).slice(1));
      const repeated = edited(plan, path, (list) => [
        ...(list as readonly unknown[]),
        (list as readonly unknown[])[0],
      ]);
      expect(planHash(removed)).not.toBe(plan.plan_hash);
      expect(planHash(repeated)).not.toBe(plan.plan_hash);
    }
    const moved = edited(plan, ['steps'], (steps) => (steps as readonly unknown[]).toReversed());
    expect(planHash(moved)).not.toBe(plan.plan_hash);
  });

  it('does not depend on the order of members', () => {
    const reordered = (value: unknown): unknown => {
      if (typeof value !== 'object' || value === null) return value;
      if (Array.isArray(value)) return value.map(reordered);
      return Object.fromEntries(
        Object.entries(value)
          .toReversed()
          .map(([key, member]) => [key, reordered(member)]),
      );
    };
    expect(planHash(reordered(plan) as Plan)).toBe(plan.plan_hash);
  });

  it('does not change with the reason of an undo that is none or impossible, but with which of them it is', () => {
    const withUndo = (rollback: Plan['steps'][number]['rollback']) =>
      planHash({ ...plan, steps: plan.steps.map((step) => ({ ...step, rollback })) });
    const none = withUndo({ kind: 'none', reason: 'a' });
    expect(withUndo({ kind: 'none', reason: 'b' })).toBe(none);
    expect(withUndo({ kind: 'impossible', reason: 'a' })).not.toBe(none);
  });
});
