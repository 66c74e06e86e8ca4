import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { violatedConstraints } from './violated-constraints.ts';
import type { Constraint } from './constraint.ts';
import type { Effect } from './effect.ts';
import type { ConstraintFacts } from './violated-constraints.ts';

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

const restart: Effect = { kind: 'restart', target: 'kubernetes:main/shop/deployment/web', namespace: 'shop' };
const apply: Effect = { ...restart, kind: 'apply', images: ['registry/shop:1'] };
const drain: Effect = {
  kind: 'node_drain',
  target: 'kubernetes:main/_/node/n',
  namespaces: ['shop', 'db'],
  pods: 3,
};

const base: ConstraintFacts = {
  effects: [push, scale, deploy],
  writeSteps: 2,
  maxRunMs: 60_000,
  reversible: true,
  nowMs: Date.parse('2026-11-21T12:00:00.000Z'),
};

describe('violatedConstraints', () => {
  test.each<[what: string, constraint: Constraint, facts: Partial<ConstraintFacts>, holds: boolean]>([
    ['targets listed', { kind: 'allowed_targets', patterns: ['git:*', 'k8s:*'] }, {}, true],
    ['a target not listed', { kind: 'allowed_targets', patterns: ['git:*'] }, {}, false],
    ['no target allowed', { kind: 'allowed_targets', patterns: [] }, {}, false],
    ['paths listed', { kind: 'allowed_paths', patterns: ['service/*'] }, {}, true],
    ['a path not listed', { kind: 'allowed_paths', patterns: ['docs/**'] }, {}, false],
    ['namespaces listed', { kind: 'allowed_namespaces', namespaces: ['shop'] }, {}, true],
    ['a namespace not listed', { kind: 'allowed_namespaces', namespaces: [] }, {}, false],
    ['images listed', { kind: 'allowed_images', patterns: ['registry/*'] }, {}, true],
    ['an image not listed', { kind: 'allowed_images', patterns: ['other/*'] }, {}, false],
    [
      'a restart elsewhere',
      { kind: 'allowed_namespaces', namespaces: ['db'] },
      { effects: [restart] },
      false,
    ],
    [
      'an applied manifest elsewhere',
      { kind: 'allowed_namespaces', namespaces: ['db'] },
      { effects: [apply] },
      false,
    ],
    [
      'an applied image not listed',
      { kind: 'allowed_images', patterns: ['other/*'] },
      { effects: [apply] },
      false,
    ],
    [
      'an applied image listed',
      { kind: 'allowed_images', patterns: ['registry/*'] },
      { effects: [apply] },
      true,
    ],
    [
      'a drain of all listed',
      { kind: 'allowed_namespaces', namespaces: ['db', 'shop'] },
      { effects: [drain] },
      true,
    ],
    [
      'a drain of one not listed',
      { kind: 'allowed_namespaces', namespaces: ['shop'] },
      { effects: [drain] },
      false,
    ],
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
    ['run time unknown', { kind: 'max_run_time', max_ms: 60_000 }, { maxRunMs: null }, false],
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
    ['no rollback', { kind: 'require_rollback' }, { reversible: false }, false],
  ])('%s', (_what, constraint, facts, holds) => {
    const violations = violatedConstraints([constraint], { ...base, ...facts });
    expect(violations.length === 0).toBe(holds);
    for (const violation of violations) {
      expect(violation.kind).toBe(constraint.kind);
      expect(violation.message).not.toBe('');
    }
  });

  test('bounds on approvals are left to who counts approvals', () => {
    const bounds: Constraint[] = [
      { kind: 'quorum', approvers: 5, distinct_groups: 5 },
      { kind: 'approver_groups', any_of: ['sre'] },
      { kind: 'min_assurance', assurance: 'key' },
      { kind: 'approval_ttl', max_ms: 1 },
    ];
    expect(violatedConstraints(bounds, base)).toEqual([]);
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
