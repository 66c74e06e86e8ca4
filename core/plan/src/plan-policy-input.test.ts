import { PolicyInput } from '@carapulse/policy';
import { describe, expect, it } from 'vitest';
import { fixtureDraft, fixtureRead, fixtureWrite } from './plan-fixture.ts';
import { planPolicyInput, type PolicyQuestion } from './plan-policy-input.ts';

const question: PolicyQuestion = {
  actor: {
    id: 'service:planner',
    kind: 'service',
    tenant_id: 'default',
    roles: ['operator'],
    groups: [],
    assurance: 'service',
  },
  phase: 'plan',
  time: '2026-11-21T10:00:00.000Z',
  stage: 1,
};

describe('planPolicyInput', () => {
  it('asks about every effect, those of the undos too', () => {
    const input = PolicyInput.parse(planPolicyInput(fixtureDraft(), question));
    expect(input.resources).toMatchObject({
      write_steps: 1,
      blast_radius: 2,
      reversible: true,
      previewed: true,
      services: ['checkout'],
    });
    expect(input.resources.effects.map((effect) => effect.kind)).toEqual(['read', 'git_push', 'git_push']);
    expect(input.action).toMatchObject({ kind: 'write', tool: 'plan', name: 'execute', trigger: 'alert' });
  });

  it('names every call, those of the undos too', () => {
    const { calls } = planPolicyInput(fixtureDraft(), question).action.input;
    expect(calls).toMatchObject([
      { kind: 'read', undo: false },
      { kind: 'write', tool: 'git', action: 'revert', undo: false },
      { kind: 'write', tool: 'git', action: 'revert', undo: true },
    ]);
  });

  it('says what is not reversible, not previewed or not known', () => {
    const draft = fixtureDraft({
      steps: [
        {
          ...fixtureWrite('w'),
          rollback: { kind: 'impossible', reason: 'gone' },
          preview: { kind: 'none', reason: 'no dry run' },
        },
      ],
      blast_radius: { kind: 'unknown', reason: 'nobody knows', resources: [] },
    });
    const { resources } = planPolicyInput(draft, question);
    expect(resources).toMatchObject({ reversible: false, previewed: false, blast_radius: null });
    expect(planPolicyInput(fixtureDraft({ steps: [fixtureRead('r')] }), question).action.kind).toBe('read');
  });
});
