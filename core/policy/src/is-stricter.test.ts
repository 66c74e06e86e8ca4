import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Constraint } from './constraint.ts';
import { isStricter } from './is-stricter.ts';
import type { Decision } from './policy.ts';
import { violatedConstraints } from './violated-constraints.ts';
import type { ConstraintFacts } from './violated-constraints.ts';

type Judged = Pick<Decision, 'decision' | 'constraints'>;

const small = fc.integer({ min: 1, max: 4 });
const names = fc.subarray(['a', 'b', 'c'], { minLength: 1 });
const hour = fc.integer({ min: 10, max: 19 }).map((each) => `2026-11-21T${each}:00:00Z`);

// Kinds that share a shape share a generator; their union is wider than the discriminated one.
const constraint = fc.oneof(
  fc.record({ kind: fc.constant('quorum' as const), approvers: small, distinct_groups: fc.nat({ max: 3 }) }),
  fc.record({ kind: fc.constant('approver_groups' as const), any_of: names }),
  fc.record({
    kind: fc.constant('min_assurance' as const),
    assurance: fc.constantFrom('local' as const, 'session' as const, 'key' as const),
  }),
  fc.record({ kind: fc.constantFrom('approval_ttl' as const, 'max_run_time' as const), max_ms: small }),
  fc.record({
    kind: fc.constantFrom('allowed_targets' as const, 'allowed_paths' as const, 'allowed_images' as const),
    patterns: fc.oneof(names, fc.constant(['**'])),
  }),
  fc.record({ kind: fc.constant('allowed_namespaces' as const), namespaces: names }),
  fc.record({
    kind: fc.constantFrom(
      'max_replicas' as const,
      'max_files_changed' as const,
      'max_lines_changed' as const,
      'max_write_steps' as const,
    ),
    max: small,
  }),
  fc.record({ kind: fc.constant('window' as const), not_before: hour, not_after: hour }),
  fc.constant({ kind: 'require_rollback' as const }),
) as fc.Arbitrary<Constraint>;

const judged: fc.Arbitrary<Judged> = fc.record({
  decision: fc.constantFrom('allow' as const, 'require_approval' as const, 'deny' as const),
  constraints: fc.array(constraint, { maxLength: 6 }),
});

const facts: fc.Arbitrary<ConstraintFacts> = fc.record({
  effects: fc.array(
    fc.oneof(
      fc.record({
        kind: fc.constant('git_push' as const),
        target: fc.constantFrom('a', 'b', 'c'),
        branch: fc.constant('main'),
        paths: fc.subarray(['a', 'b', 'c']),
        files_changed: small,
        lines_changed: small,
      }),
      fc.record({
        kind: fc.constant('scale' as const),
        target: fc.constantFrom('a', 'b', 'c'),
        namespace: fc.constantFrom('a', 'b', 'c'),
        replicas: small,
      }),
      fc.record({
        kind: fc.constant('deploy' as const),
        target: fc.constantFrom('a', 'b', 'c'),
        namespace: fc.constantFrom('a', 'b', 'c'),
        images: fc.subarray(['a', 'b', 'c']),
      }),
      fc.record({
        kind: fc.constant('apply' as const),
        target: fc.constantFrom('a', 'b', 'c'),
        namespace: fc.constantFrom('a', 'b', 'c'),
        images: fc.subarray(['a', 'b', 'c']),
      }),
      fc.record({
        kind: fc.constant('node_drain' as const),
        target: fc.constantFrom('a', 'b', 'c'),
        namespaces: fc.subarray(['a', 'b', 'c']),
        pods: small,
      }),
      fc.record({
        kind: fc.constant('sync' as const),
        target: fc.constantFrom('a', 'b', 'c'),
        namespaces: fc.subarray(['a', 'b', 'c']),
        prune: fc.boolean(),
      }),
    ),
    { maxLength: 2 },
  ),
  writeSteps: small,
  maxRunMs: small,
  reversible: fc.boolean(),
  nowMs: hour.map((text) => Date.parse(text)),
});

const bound = (each: Constraint): Judged => ({ decision: 'require_approval', constraints: [each] });

describe('isStricter', () => {
  test('a decision is not stricter than itself', () => {
    fc.assert(
      fc.property(judged, (each) => {
        expect(isStricter(each, each)).toBe(false);
      }),
    );
  });

  test('what is not stricter permits everything that was permitted', () => {
    let compared = 0;
    fc.assert(
      fc.property(
        constraint,
        fc.array(constraint, { maxLength: 12 }),
        facts,
        (previous, candidates, known) => {
          fc.pre(violatedConstraints([previous], known).length === 0);
          for (const next of candidates) {
            if (isStricter(bound(next), bound(previous))) continue;
            compared += 1;
            expect(violatedConstraints([next], known)).toEqual([]);
          }
        },
      ),
      { numRuns: 4000, maxSkipsPerRun: 100 },
    );
    expect(compared).toBeGreaterThan(300);
  });

  test('dropping a constraint is never stricter, adding one to none always is', () => {
    fc.assert(
      fc.property(judged, constraint, (each, added) => {
        fc.pre(each.decision !== 'deny');
        expect(isStricter(each, { ...each, constraints: [...each.constraints, added] })).toBe(false);
        expect(isStricter({ ...each, constraints: [added] }, { ...each, constraints: [] })).toBe(true);
      }),
    );
  });

  test('outcomes rank allow, require_approval, deny', () => {
    const of = (decision: Judged['decision']): Judged => ({ decision, constraints: [] });
    expect(isStricter(of('require_approval'), of('allow'))).toBe(true);
    expect(isStricter(of('deny'), of('require_approval'))).toBe(true);
    expect(isStricter(of('allow'), of('require_approval'))).toBe(false);
    expect(isStricter(of('require_approval'), of('deny'))).toBe(false);
    expect(isStricter(of('deny'), of('deny'))).toBe(false);
    expect(isStricter(bound({ kind: 'max_write_steps', max: 1 }), of('deny'))).toBe(false);
  });

  test.each<[stricter: Constraint, looser: Constraint]>([
    [
      { kind: 'quorum', approvers: 2, distinct_groups: 0 },
      { kind: 'quorum', approvers: 1, distinct_groups: 0 },
    ],
    [
      { kind: 'quorum', approvers: 1, distinct_groups: 1 },
      { kind: 'quorum', approvers: 1, distinct_groups: 0 },
    ],
    [
      { kind: 'approver_groups', any_of: ['sre'] },
      { kind: 'approver_groups', any_of: ['sre', 'dev'] },
    ],
    [
      { kind: 'min_assurance', assurance: 'key' },
      { kind: 'min_assurance', assurance: 'session' },
    ],
    [
      { kind: 'approval_ttl', max_ms: 1 },
      { kind: 'approval_ttl', max_ms: 2 },
    ],
    [
      { kind: 'max_run_time', max_ms: 1 },
      { kind: 'max_run_time', max_ms: 2 },
    ],
    [
      { kind: 'allowed_targets', patterns: ['a'] },
      { kind: 'allowed_targets', patterns: ['**'] },
    ],
    [
      { kind: 'allowed_paths', patterns: ['a'] },
      { kind: 'allowed_paths', patterns: ['a', 'b'] },
    ],
    [
      { kind: 'allowed_images', patterns: [] },
      { kind: 'allowed_images', patterns: ['a'] },
    ],
    [
      { kind: 'allowed_namespaces', namespaces: ['a'] },
      { kind: 'allowed_namespaces', namespaces: ['a', 'b'] },
    ],
    [
      { kind: 'max_replicas', max: 1 },
      { kind: 'max_replicas', max: 2 },
    ],
    [
      { kind: 'max_files_changed', max: 1 },
      { kind: 'max_files_changed', max: 2 },
    ],
    [
      { kind: 'max_lines_changed', max: 1 },
      { kind: 'max_lines_changed', max: 2 },
    ],
    [
      { kind: 'max_write_steps', max: 1 },
      { kind: 'max_write_steps', max: 2 },
    ],
    [
      { kind: 'window', not_before: '2026-11-21T10:00:00Z', not_after: '2026-11-21T11:00:00Z' },
      { kind: 'window', not_before: '2026-11-21T10:00:00Z', not_after: '2026-11-21T11:00:01Z' },
    ],
  ])('%j is stricter than %j and not the other way', (stricter, looser) => {
    expect(isStricter(bound(stricter), bound(looser))).toBe(true);
    expect(isStricter(bound(looser), bound(stricter))).toBe(false);
  });
});
