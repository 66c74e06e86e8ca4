import type { Check, Plan, Rollback, Step, ToolCall } from '@carapulse/plan';
import { planHash } from '@carapulse/plan';

const CALL: ToolCall = { tool: 'fake', action: 'do', input: {}, bindings: [], definition_digest: 'sha256:0' };

export function aCheck(id: string, change: Partial<Check> = {}): Check {
  return {
    check_id: id,
    title: id,
    call: CALL,
    expect: [{ pointer: '/ok', op: 'eq', value: true }],
    samples: { required: 1, interval_ms: 10, within_ms: 1000 },
    must_fail_before: false,
    ...change,
  };
}

export function anUndo(verify: readonly Check[] = []): Rollback {
  return {
    kind: 'call',
    call: CALL,
    repeat: 'convergent',
    effects: [],
    verify: [...verify],
    timeout_ms: 1000,
  };
}

export function aStep(
  id: string,
  kind: Step['kind'],
  dependsOn: readonly string[] = [],
  change: Partial<Step> = {},
): Step {
  return {
    step_id: id,
    title: id,
    kind,
    call: CALL,
    repeat: 'convergent',
    effects: [],
    depends_on: [...dependsOn],
    preconditions: [],
    verify: [],
    rollback: kind === 'write' ? anUndo() : { kind: 'none', reason: 'a read' },
    timeout_ms: 1000,
    retry: { max_attempts: 1, backoff_ms: 100, factor: 2, max_backoff_ms: 1000, on: ['transient'] },
    preview: { kind: 'none', reason: 'a test' },
    commands: [],
    ...change,
  };
}

export function aPlan(steps: readonly Step[], checks: readonly Check[] = []): Plan {
  const plan: Omit<Plan, 'plan_hash'> = {
    format: 1,
    plan_id: `pl_${'0'.repeat(26)}`,
    summary: 'A plan',
    trigger: { kind: 'manual', ref: null },
    context: { tenant_id: 't', environment: 'test' },
    created_by: 'user:alice',
    created_at: '2026-01-01T00:00:00.000Z',
    incident_id: null,
    origin: { planner: 'manual', name: 'test', digest: 'sha256:0', because: [] },
    risk: { level: 'low', rules: [] },
    blast_radius: { kind: 'known', resources: [], dependents: [] },
    steps: [...steps],
    checks: [...checks],
    policy: {
      decision: 'allow',
      reasons: [{ rule: 'test', message: 'A test.' }],
      constraints: [],
      ttl_s: 60,
      bundle_digest: 'sha256:0',
    },
    expires_at: '2027-01-01T00:00:00.000Z',
    max_run_ms: 600_000,
  };
  return { ...plan, plan_hash: planHash(plan) };
}
