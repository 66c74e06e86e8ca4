import type { PolicyInput } from '@carapulse/policy';

/** A production revert that an alert asked for, at stage 1: the question most tests change one thing of. */
export const revertQuestion: PolicyInput = {
  actor: {
    id: 'agent:remedy',
    kind: 'agent',
    tenant_id: 'acme',
    roles: [],
    groups: [],
    assurance: 'service',
  },
  action: {
    phase: 'plan',
    kind: 'write',
    tool: 'plan',
    name: 'execute',
    trigger: 'alert',
    break_glass: null,
    rollback: false,
    input: {
      calls: [
        { kind: 'read', tool: 'git', action: 'log', undo: false },
        { kind: 'write', tool: 'git', action: 'revert', undo: false },
        { kind: 'write', tool: 'git', action: 'revert', undo: true },
      ],
    },
  },
  context: { tenant_id: 'acme', environment: 'production' },
  resources: {
    effects: [
      { kind: 'read', target: 'git:production.git' },
      {
        kind: 'git_push',
        target: 'git:production.git',
        branch: 'main',
        paths: ['service/config.json'],
        files_changed: 1,
        lines_changed: 4,
      },
    ],
    write_steps: 1,
    services: ['shop'],
    blast_radius: 2,
    reversible: true,
    previewed: true,
  },
  risk: { level: 'medium', rules: ['production_write'] },
  time: '2026-11-18T10:30:00.000Z',
  stage: 1,
};
