import { describe, expect, it } from 'vitest';
import { freezePlan, planHashMatches, type PlanDraft } from './freeze-plan.ts';
import type { Step } from './step.ts';
import {
  FIXTURE_DECISION,
  fixtureCall,
  fixtureCheck,
  fixtureDraft,
  fixturePlan,
  fixtureRead,
  fixtureWrite,
} from './plan-fixture.ts';

const freeze = (overrides: Partial<PlanDraft>) => () => freezePlan(fixtureDraft(overrides), FIXTURE_DECISION);
const write = (change: Partial<Step>): Step => ({ ...fixtureWrite('w'), ...change });
const bound = fixtureCall(
  { repository: 'shop' },
  {
    bindings: [
      {
        pointer: '/commit',
        from_step: 'look',
        from_pointer: '/commit',
        bounds: { type: 'string', max_length: 40, charset: 'hex' },
      },
    ],
  },
);

const undo = {
  kind: 'call' as const,
  call: fixtureCall({}),
  repeat: 'observable' as const,
  effects: fixtureWrite('w').effects,
  timeout_ms: 1,
};
const compared = {
  ...fixtureCheck('c'),
  must_fail_before: false,
  expect: [
    {
      pointer: '/value',
      op: 'lte' as const,
      value: null,
      relative: { from_step: 'look', from_pointer: '/value', factor: 1, plus: 0 },
    },
  ],
};

describe('freezePlan', () => {
  it('gives a plan whose hash is that of its content and in which nothing can be changed', () => {
    const plan = fixturePlan();
    expect(planHashMatches(plan)).toBe(true);
    expect(planHashMatches({ ...plan, max_run_ms: 1 })).toBe(false);
    const seen: unknown[] = [plan];
    for (const value of seen) {
      if (typeof value !== 'object' || value === null) continue;
      expect(Object.isFrozen(value)).toBe(true);
      seen.push(...Object.values(value));
    }
  });

  it('gives one hash to plans of the same effect, whoever asked and whenever', () => {
    const other = fixturePlan({
      plan_id: 'pl_01jd7q8z9abcdefghjkmnpqrsv',
      created_by: 'user:bea',
      summary: 'Other words',
    });
    expect(other.plan_hash).toBe(fixturePlan().plan_hash);
  });

  it.each([
    [
      'a write whose input comes from an earlier step',
      [fixtureRead('look'), write({ call: bound, depends_on: ['look'] })],
      'literal',
    ],
    ['a write without an effect', [write({ effects: [] })], 'declares no effect'],
    [
      'a write with only a read effect',
      [write({ effects: [{ kind: 'read', target: 'git:shop' }] })],
      'declares no effect',
    ],
    [
      'an undo whose input comes from an earlier step',
      [
        fixtureRead('look'),
        write({
          depends_on: ['look'],
          rollback: {
            kind: 'call',
            call: bound,
            repeat: 'observable',
            effects: fixtureWrite('w').effects,
            verify: [],
            timeout_ms: 1,
          },
        }),
      ],
      'literal',
    ],
    [
      'an undo without an effect',
      [
        write({
          rollback: {
            kind: 'call',
            call: fixtureCall({}),
            repeat: 'observable',
            effects: [],
            verify: [],
            timeout_ms: 1,
          },
        }),
      ],
      'undo of step w declares no effect',
    ],
    [
      'a read with a write effect',
      [{ ...fixtureRead('r'), effects: fixtureWrite('w').effects }],
      'a read with a write',
    ],
    [
      'a binding to a step that is not before it',
      [{ ...fixtureRead('r'), call: bound }],
      'does not come before',
    ],
    [
      'a check that compares with a step that is not before it',
      [fixtureRead('look'), write({ verify: [compared] })],
      'compares with look, which does not come before it',
    ],
    [
      'a check that compares and must fail before all steps',
      [
        fixtureRead('look'),
        write({ depends_on: ['look'], verify: [{ ...compared, must_fail_before: true }] }),
      ],
      'must fail before all steps',
    ],
    [
      'a check of an undo that compares',
      [
        fixtureRead('look'),
        write({
          depends_on: ['look'],
          rollback: { ...undo, verify: [compared] },
        }),
      ],
      'it must be literal',
    ],
    ['a step twice', [fixtureRead('r'), fixtureRead('r')], 'Two steps are called r'],
    ['a circle', [fixtureRead('a', ['b']), fixtureRead('b', ['a'])], 'a → b → a'],
    [
      'two checks of one id in a step',
      [write({ verify: [fixtureCheck('c'), fixtureCheck('c')] })],
      'share an id',
    ],
  ] as ReadonlyArray<[string, Step[], string]>)('refuses %s', (_, steps, message) => {
    expect(freeze({ steps })).toThrow(message);
  });

  it('lets a read and a check take from a step that comes before, also indirectly', () => {
    const check = { ...fixtureCheck('c'), call: bound };
    const steps = [
      fixtureRead('look'),
      fixtureRead('mid', ['look']),
      { ...fixtureRead('end', ['mid']), call: bound },
    ];
    expect(freeze({ steps, checks: [check, { ...compared, check_id: 'd' }] })).not.toThrow();
  });

  it('hashes the bounds of a comparison', () => {
    const hash = (factor: number) =>
      fixturePlan({
        checks: [
          {
            ...compared,
            expect: compared.expect.map((each) => ({ ...each, relative: { ...each.relative, factor } })),
          },
        ],
      }).plan_hash;
    expect(hash(1)).not.toBe(hash(1.5));
  });

  it('refuses an expiry that is not after the creation, two plan checks of one id, and a foreign field', () => {
    expect(freeze({ expires_at: '2026-11-21T10:00:00.000Z' })).toThrow('expires');
    expect(freeze({ checks: [fixtureCheck('c'), fixtureCheck('c')] })).toThrow('Two checks are called c');
    expect(freeze({ extra: 1 } as Partial<PlanDraft>)).toThrow('extra');
  });
});
