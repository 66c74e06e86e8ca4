import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { violatedConstraints } from './violated-constraints.ts';
import type { Constraint } from './constraint.ts';
import type { Effect } from './effect.ts';
import type { ApprovalFacts, ConstraintFacts } from './violated-constraints.ts';

const push: Effect = {
  kind: 'git_push',
  target: 'git:production.git',
  branch: 'main',
  paths: ['service/config.json'],
  files_changed: 3,
  lines_changed: 40,
};
const scale: Effect = { kind: 'scale', target: 'k8s:shop', namespace: 'shop', replicas: 5 };
const deploy: Effect = { kind: 'deploy', target: 'k8s:shop', namespace: 'shop', images: ['registry/shop:1'] };

const alice: ApprovalFacts = {
  approver_id: 'user:alice',
  groups: ['sre'],
  assurance: 'session',
  issued_at: '2026-11-21T11:30:00.000Z',
  expires_at: '2026-11-21T12:30:00.000Z',
};
const bob: ApprovalFacts = { ...alice, approver_id: 'user:bob', groups: ['sre', 'dev'], assurance: 'local' };

const base: ConstraintFacts = {
  effects: [push, scale, deploy],
  write_steps: 2,
  max_run_time_ms: 60_000,
  has_rollback: true,
  time: '2026-11-21T12:00:00.000Z',
  approvals: [alice, bob],
};

const HOUR = 3_600_000;

describe('violatedConstraints', () => {
  test.each<[what: string, constraint: Constraint, facts: Partial<ConstraintFacts>, holds: boolean]>([
    ['two approvers of two', { kind: 'quorum', approvers: 2, distinct_groups: 0 }, {}, true],
    ['two approvers of three', { kind: 'quorum', approvers: 3, distinct_groups: 0 }, {}, false],
    [
      'one approver twice',
      { kind: 'quorum', approvers: 2, distinct_groups: 0 },
      { approvals: [alice, alice] },
      false,
    ],
    ['two groups, one each', { kind: 'quorum', approvers: 2, distinct_groups: 2 }, {}, true],
    [
      'two groups held by one person',
      { kind: 'quorum', approvers: 1, distinct_groups: 2 },
      { approvals: [bob] },
      false,
    ],
    ['everyone in a group', { kind: 'approver_groups', any_of: ['sre'] }, {}, true],
    ['one outside of the group', { kind: 'approver_groups', any_of: ['dev'] }, {}, false],
    ['assurance reached', { kind: 'min_assurance', assurance: 'local' }, {}, true],
    ['assurance not reached', { kind: 'min_assurance', assurance: 'session' }, {}, false],
    [
      'a service approves',
      { kind: 'min_assurance', assurance: 'local' },
      { approvals: [{ ...alice, assurance: 'service' }] },
      false,
    ],
    ['approvals in time', { kind: 'approval_ttl', max_ms: HOUR }, {}, true],
    ['approvals too old', { kind: 'approval_ttl', max_ms: 1_799_999 }, {}, false],
    [
      'an approval that promised itself too long',
      { kind: 'approval_ttl', max_ms: HOUR },
      { approvals: [{ ...alice, expires_at: '2026-11-21T12:30:00.001Z' }] },
      false,
    ],
    [
      'an expired approval',
      { kind: 'approval_ttl', max_ms: HOUR },
      { time: '2026-11-21T12:30:00.000Z' },
      false,
    ],
    [
      'an unreadable instant',
      { kind: 'approval_ttl', max_ms: HOUR },
      { approvals: [{ ...alice, issued_at: 'noon' }] },
      false,
    ],
    ['targets listed', { kind: 'allowed_targets', patterns: ['git:*', 'k8s:*'] }, {}, true],
    ['a target not listed', { kind: 'allowed_targets', patterns: ['git:*'] }, {}, false],
    ['no target allowed', { kind: 'allowed_targets', patterns: [] }, {}, false],
    ['paths listed', { kind: 'allowed_paths', patterns: ['service/*'] }, {}, true],
    ['a path not listed', { kind: 'allowed_paths', patterns: ['docs/**'] }, {}, false],
    ['namespaces listed', { kind: 'allowed_namespaces', namespaces: ['shop'] }, {}, true],
    ['a namespace not listed', { kind: 'allowed_namespaces', namespaces: [] }, {}, false],
    ['images listed', { kind: 'allowed_images', patterns: ['registry/*'] }, {}, true],
    ['an image not listed', { kind: 'allowed_images', patterns: ['other/*'] }, {}, false],
    ['replicas at the limit', { kind: 'max_replicas', max: 5 }, {}, true],
    ['replicas over it', { kind: 'max_replicas', max: 4 }, {}, false],
    ['files at the limit', { kind: 'max_files_changed', max: 3 }, {}, true],
    ['files over it, summed', { kind: 'max_files_changed', max: 3 }, { effects: [push, push] }, false],
    ['lines at the limit', { kind: 'max_lines_changed', max: 40 }, {}, true],
    ['lines over it, summed', { kind: 'max_lines_changed', max: 79 }, { effects: [push, push] }, false],
    ['write steps at the limit', { kind: 'max_write_steps', max: 2 }, {}, true],
    ['write steps over it', { kind: 'max_write_steps', max: 1 }, {}, false],
    ['run time at the limit', { kind: 'max_run_time', max_ms: 60_000 }, {}, true],
    ['run time over it', { kind: 'max_run_time', max_ms: 59_999 }, {}, false],
    ['run time unknown', { kind: 'max_run_time', max_ms: 60_000 }, { max_run_time_ms: null }, false],
    [
      'inside of the window',
      { kind: 'window', not_before: '2026-11-21T12:00:00Z', not_after: '2026-11-21T12:00:00Z' },
      {},
      true,
    ],
    [
      'before the window',
      { kind: 'window', not_before: '2026-11-21T12:00:01Z', not_after: '2026-11-21T13:00:00Z' },
      {},
      false,
    ],
    [
      'after the window',
      { kind: 'window', not_before: '2026-11-21T10:00:00Z', not_after: '2026-11-21T11:59:59Z' },
      {},
      false,
    ],
    ['a rollback there', { kind: 'require_rollback' }, {}, true],
    ['no rollback', { kind: 'require_rollback' }, { has_rollback: false }, false],
  ])('%s', (_what, constraint, facts, holds) => {
    const violations = violatedConstraints([constraint], { ...base, ...facts });
    expect(violations.length === 0).toBe(holds);
    for (const violation of violations) {
      expect(violation.kind).toBe(constraint.kind);
      expect(violation.message).not.toBe('');
    }
  });

  test('approvals are not asked for while they are being gathered', () => {
    const { approvals: _, ...gathering } = base;
    expect(violatedConstraints([{ kind: 'quorum', approvers: 5, distinct_groups: 5 }], gathering)).toEqual(
      [],
    );
    expect(violatedConstraints([{ kind: 'max_write_steps', max: 0 }], gathering)).toHaveLength(1);
  });

  test('what is not a known constraint is a violation', () => {
    fc.assert(
      fc.property(fc.anything(), (candidate) => {
        expect(violatedConstraints([candidate], base).map(({ kind }) => kind)).toEqual(['unknown']);
      }),
    );
    const newer = [
      { kind: 'max_cost', max: 1 },
      { kind: 'max_write_steps', max: 5, per: 'hour' },
      { kind: 'quorum' },
    ];
    expect(violatedConstraints(newer, base)).toHaveLength(3);
  });
});
