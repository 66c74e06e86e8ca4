import type { Decision } from '@carapulse/policy';
import type { Check, ToolCall } from './check.ts';
import { freezePlan, type PlanDraft } from './freeze-plan.ts';
import type { Plan } from './plan.ts';
import type { Step } from './step.ts';

const DIGEST = `sha256:${'d'.repeat(64)}`;

export function fixtureCall(input: ToolCall['input'], overrides: Partial<ToolCall> = {}): ToolCall {
  return { tool: 'git', action: 'revert', input, bindings: [], definition_digest: DIGEST, ...overrides };
}

export function fixtureCheck(id: string): Check {
  return {
    check_id: id,
    title: 'checkout sells again',
    call: fixtureCall({ url: 'http://127.0.0.1:9000/checkout' }, { tool: 'http', action: 'probe' }),
    expect: [{ pointer: '/status', op: 'eq', value: 200 }],
    samples: { required: 3, interval_ms: 500, within_ms: 20_000 },
    must_fail_before: true,
  };
}

export function fixtureRead(id: string, dependsOn: readonly string[] = []): Step {
  return {
    step_id: id,
    title: 'Look at the commit',
    kind: 'read',
    call: fixtureCall({ repository: 'shop', revision: 'a'.repeat(40) }, { action: 'show' }),
    repeat: 'convergent',
    effects: [{ kind: 'read', target: 'git:shop' }],
    depends_on: [...dependsOn],
    preconditions: [],
    verify: [],
    rollback: { kind: 'none', reason: 'it only reads' },
    timeout_ms: 30_000,
    retry: { max_attempts: 3, backoff_ms: 500, factor: 2, max_backoff_ms: 16_000, on: ['transient'] },
    preview: { kind: 'none', reason: 'it changes nothing' },
    commands: [`git show ${'a'.repeat(40)}`],
  };
}

export function fixtureWrite(id: string, dependsOn: readonly string[] = []): Step {
  const push: Step['effects'][number] = {
    kind: 'git_push',
    target: 'git:shop#main',
    branch: 'main',
    paths: ['services/checkout/config.json'],
    files_changed: 1,
    lines_changed: 2,
  };
  return {
    ...fixtureRead(id, dependsOn),
    title: 'Revert the commit',
    kind: 'write',
    call: fixtureCall({ repository: 'shop', branch: 'main', commit: 'a'.repeat(40), base: 'b'.repeat(40) }),
    repeat: 'observable',
    effects: [push],
    preconditions: [fixtureCheck('tip-is-base')],
    verify: [fixtureCheck('tip-is-revert')],
    rollback: {
      kind: 'call',
      call: fixtureCall({ repository: 'shop', branch: 'main', commit: 'c'.repeat(40), base: 'c'.repeat(40) }),
      repeat: 'observable',
      effects: [push],
      verify: [fixtureCheck('tree-restored')],
      timeout_ms: 60_000,
    },
    preview: {
      kind: 'diff',
      text: [
        'diff --git a/services/checkout/config.json b/services/checkout/config.json',
        'index 1..2 100644',
        '--- a/services/checkout/config.json',
        '+++ b/services/checkout/config.json',
        '@@ -9,3 +9,3 @@',
        '-      "timeout_ms": 20',
        '+      "timeout_ms": 600',
      ].join('\n'),
      truncated: false,
    },
    commands: ['git revert --no-edit aaaa', 'git push origin main'],
  };
}

export const FIXTURE_DECISION: Decision = {
  decision: 'require_approval',
  reasons: [{ rule: 'write_needs_approval', message: 'a write to production needs somebody else' }],
  constraints: [
    { kind: 'quorum', approvers: 1, distinct_groups: 0 },
    { kind: 'max_files_changed', max: 3 },
  ],
  ttl_s: 3600,
  bundle_digest: `sha256:${'e'.repeat(64)}`,
};

export function fixtureDraft(overrides: Partial<PlanDraft> = {}): PlanDraft {
  return {
    format: 1,
    plan_id: 'pl_01jd7q8z9abcdefghjkmnpqrst',
    summary: 'Revert the commit that broke checkout',
    trigger: { kind: 'alert', ref: 'inc_01jd7q8z9abcdefghjkmnpqrst' },
    context: { tenant_id: 'default', environment: 'production', namespace: 'shop' },
    created_by: 'service:planner',
    created_at: '2026-11-21T10:00:00.000Z',
    incident_id: 'inc_01jd7q8z9abcdefghjkmnpqrst',
    origin: {
      planner: 'playbook',
      name: 'revert-bad-commit',
      digest: DIGEST,
      because: ['cause bad_change is certain'],
    },
    risk: {
      level: 'medium',
      rules: [{ rule: 'production_environment', level: 'medium', reason: 'it writes to production' }],
    },
    blast_radius: { kind: 'known', resources: ['service:checkout'], dependents: ['storefront'] },
    steps: [fixtureRead('look'), fixtureWrite('revert', ['look'])],
    checks: [fixtureCheck('sells-again')],
    expires_at: '2026-11-21T11:00:00.000Z',
    max_run_ms: 600_000,
    ...overrides,
  };
}

export function fixturePlan(overrides: Partial<PlanDraft> = {}): Plan {
  return freezePlan(fixtureDraft(overrides), FIXTURE_DECISION);
}
