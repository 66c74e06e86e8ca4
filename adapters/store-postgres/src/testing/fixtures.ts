import { randomBytes } from 'node:crypto';
import { type IdKind, newId } from '@carapulse/kernel';
import type { Alert, Incident, Investigation } from '@carapulse/incident';
import type {
  ApprovalRecord,
  ExecutionRecord,
  PlanRecord,
  StoredAudit,
  ToolCallRecord,
} from '@carapulse/operations';
import type { Plan } from '@carapulse/plan';

const START = Date.parse('2026-03-01T10:00:00.000Z');
let ticks = 0;

/** Time that moves by one second with each reading, so that ids sort by creation. */
export function nextInstant(): string {
  ticks += 1;
  return new Date(START + ticks * 1000).toISOString();
}

export function id(kind: IdKind): string {
  const at = Date.parse(nextInstant());
  return newId(kind, { nowMs: () => at, monotonicMs: () => at }, { bytes: (length) => randomBytes(length) });
}

export function tenant(): string {
  return `tenant-${randomBytes(6).toString('hex')}`;
}

export function planRecord(
  tenantId: string,
  change: Partial<Omit<PlanRecord, 'plan'>> & { plan?: Partial<Plan> } = {},
): PlanRecord {
  const { plan, ...rest } = change;
  const document: Plan = {
    format: 1,
    plan_id: id('plan'),
    plan_hash: `sha256:${randomBytes(32).toString('hex')}`,
    summary: 'Revert the commit that broke the service',
    trigger: { kind: 'alert', ref: null },
    context: { tenant_id: tenantId, environment: 'production' },
    created_by: 'service:planner',
    created_at: nextInstant(),
    incident_id: null,
    origin: {
      planner: 'playbook',
      name: 'revert-bad-change',
      digest: 'sha256:0',
      because: ['the alert matched'],
    },
    risk: { level: 'low', rules: [] },
    blast_radius: { kind: 'unknown', reason: 'no graph', resources: [] },
    steps: [],
    checks: [],
    policy: {
      decision: 'allow',
      reasons: [{ rule: 'read', message: 'reads are allowed' }],
      constraints: [],
      ttl_s: 60,
      bundle_digest: 'sha256:0',
    },
    expires_at: '2026-03-02T00:00:00.000Z',
    max_run_ms: 60_000,
    ...plan,
  };
  return {
    plan: document,
    tenant_id: tenantId,
    status: 'awaiting_approval',
    status_reason: 'policy asks for one approval',
    revision: 1,
    updated_at: document.created_at,
    ...rest,
  };
}

export function approvalRecord(
  plan: PlanRecord,
  approver: string,
  verdict: 'approve' | 'deny' = 'approve',
): ApprovalRecord {
  const at = nextInstant();
  return {
    approval_id: id('approval'),
    plan_id: plan.plan.plan_id,
    tenant_id: plan.tenant_id,
    statement: {
      body: {
        type: 'carapulse.approval.v1',
        verdict,
        plan_id: plan.plan.plan_id,
        plan_hash: plan.plan.plan_hash,
        requested_by: plan.plan.created_by,
        approver,
        assurance: 'local',
        break_glass: null,
        comment: '',
        issued_at: at,
        expires_at: '2026-03-02T00:00:00.000Z',
        nonce: randomBytes(16).toString('hex'),
      },
      signed: { key_id: 'k1', signature: 'AA==' },
    },
    decided_at: at,
    revoked_at: null,
    revoked_by: null,
  };
}

export function executionRecord(plan: PlanRecord): ExecutionRecord {
  return {
    execution_id: id('execution'),
    plan_id: plan.plan.plan_id,
    tenant_id: plan.tenant_id,
    status: 'queued',
    status_reason: 'approved',
    epoch: 0,
    queued_at: nextInstant(),
    started_at: null,
    first_write_at: null,
    ended_at: null,
    steering: null,
    revision: 1,
  };
}

export function incident(tenantId: string, change: Partial<Incident> = {}): Incident {
  const at = nextInstant();
  return {
    incident_id: id('incident'),
    tenant_id: tenantId,
    status: 'open',
    title: 'The shop answers with errors',
    severity: 'critical',
    service: 'shop',
    context: { tenant_id: tenantId, environment: 'production' },
    group_key: `group-${randomBytes(6).toString('hex')}`,
    opened_at: at,
    updated_at: at,
    resolved_at: null,
    revision: 1,
    ...change,
  };
}

export function alert(of: Incident, change: Partial<Alert> = {}): Alert {
  const at = nextInstant();
  return {
    alert_id: id('alert'),
    tenant_id: of.tenant_id,
    fingerprint: randomBytes(8).toString('hex'),
    status: 'firing',
    labels: { alertname: 'ShopErrors' },
    annotations: {},
    starts_at: at,
    ends_at: null,
    generator_url: '',
    received_at: at,
    deliveries: 1,
    incident_id: of.incident_id,
    ...change,
  };
}

export function investigation(of: Incident, change: Partial<Investigation> = {}): Investigation {
  return {
    investigation_id: id('investigation'),
    incident_id: of.incident_id,
    tenant_id: of.tenant_id,
    status: 'queued',
    findings: [],
    excluded: [],
    missing: [],
    matched: [],
    plan_id: null,
    conclusion: '',
    queued_at: nextInstant(),
    started_at: null,
    ended_at: null,
    ...change,
  };
}

export function toolCall(change: Partial<ToolCallRecord> = {}): ToolCallRecord {
  return {
    key: `run/${randomBytes(8).toString('hex')}/1`,
    tool: 'git',
    action: 'revert',
    kind: 'write',
    input_digest: 'sha256:0',
    execution_id: null,
    epoch: 0,
    process: 7,
    state: 'intent',
    response: null,
    code: null,
    begun_at: nextInstant(),
    ended_at: null,
    ...change,
  };
}

/** Continues the chain from the head that the store hands over. */
export function nextAudit(tenantId: string, action: string, subject = 'subject') {
  return (head: { readonly seq: number; readonly mac: string | null }): StoredAudit => ({
    seq: head.seq + 1,
    tenant_id: tenantId,
    at: nextInstant(),
    action,
    actor_id: 'user:alice',
    subject_id: subject,
    record: JSON.stringify({ seq: head.seq + 1, prev: head.mac, action }),
    mac: randomBytes(32).toString('hex'),
  });
}
