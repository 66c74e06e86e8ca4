import { generateKeyPairSync, sign } from 'node:crypto';
import { planHash } from '@carapulse/plan';
import type { Plan, Step, ToolCall } from '@carapulse/plan';
import { signBody } from './signing.ts';
import type {
  ApprovalStatement,
  Envelope,
  EnvelopeBody,
  SignedStatement,
  Signer,
  TrustedKey,
  TrustStore,
} from './statement.ts';

/** For tests: keys, a plan and its papers, all valid until the test spoils them. */
export const TEST_NOW_MS = Date.parse('2026-01-10T12:00:00.000Z');
const at = (offsetMs: number): string => new Date(TEST_NOW_MS + offsetMs).toISOString();

export const TEST_IDS = {
  plan: `pl_${'0'.repeat(26)}`,
  otherPlan: `pl_${'1'.repeat(26)}`,
  execution: `ex_${'0'.repeat(26)}`,
  otherExecution: `ex_${'1'.repeat(26)}`,
  incident: `inc_${'0'.repeat(26)}`,
} as const;

export interface TestKey {
  readonly signer: Signer;
  readonly trusted: TrustedKey;
}

/** A fresh Ed25519 key, trusted for `purpose`. */
export function testKey(
  keyId: string,
  purpose: TrustedKey['purpose'],
  actor: { readonly id: string } & Partial<NonNullable<TrustedKey['actor']>> = { id: keyId },
): TestKey {
  const pair = generateKeyPairSync('ed25519');
  return {
    signer: {
      keyId,
      sign: (bytes) => Promise.resolve(sign(null, bytes, pair.privateKey).toString('base64')),
    },
    trusted: {
      key_id: keyId,
      public_key: pair.publicKey.export({ type: 'spki', format: 'pem' }) as string,
      purpose,
      actor:
        purpose === 'person'
          ? {
              kind: 'human',
              tenant_id: 'acme',
              roles: ['operator'],
              groups: ['sre'],
              assurance: 'key',
              ...actor,
            }
          : null,
      revoked_at: null,
    },
  };
}

export function testTrust(...keys: readonly TrustedKey[]): TrustStore {
  const byId = new Map(keys.map((key) => [key.key_id, key]));
  return {
    key: (id) => byId.get(id) ?? null,
    keysOf: (actorId) => keys.filter((key) => key.actor?.id === actorId),
  };
}

/** A plan of one write and its undo, hashed. */
export function testPlan(change: Partial<Plan> = {}): Plan {
  const plan: Omit<Plan, 'plan_hash'> = {
    format: 1,
    plan_id: TEST_IDS.plan,
    summary: 'Write a word',
    trigger: { kind: 'manual', ref: null },
    context: { tenant_id: 'acme', environment: 'production' },
    created_by: 'user:requester',
    created_at: at(-60_000),
    incident_id: null,
    origin: { planner: 'playbook', name: 'write-word', digest: 'sha256:0', because: [] },
    risk: { level: 'low', rules: [] },
    blast_radius: { kind: 'unknown', reason: 'no graph', resources: [] },
    steps: [testStep()],
    checks: [],
    policy: {
      decision: 'require_approval',
      reasons: [{ rule: 'writes_need_approval', message: 'Writes need an approval.' }],
      constraints: [],
      ttl_s: 60,
      bundle_digest: 'sha256:0',
    },
    expires_at: at(1_800_000),
    max_run_ms: 600_000,
  };
  const merged = { ...plan, ...change };
  return { ...merged, plan_hash: planHash(merged) };
}

export function testCall(input: ToolCall['input'], change: Partial<ToolCall> = {}): ToolCall {
  return { tool: 'note', action: 'write', input, bindings: [], definition_digest: 'sha256:0', ...change };
}

export function testStep(change: Partial<Step> = {}): Step {
  return {
    step_id: 'write',
    title: 'Write the word',
    kind: 'write',
    call: testCall({ word: 'after' }),
    repeat: 'observable',
    effects: [{ kind: 'http_send', target: 'note:word', method: 'PUT' }],
    depends_on: [],
    preconditions: [],
    verify: [],
    rollback: {
      kind: 'call',
      call: testCall({ word: 'before' }),
      repeat: 'observable',
      effects: [{ kind: 'http_send', target: 'note:word', method: 'PUT' }],
      verify: [],
      timeout_ms: 60_000,
    },
    timeout_ms: 60_000,
    retry: { max_attempts: 1, backoff_ms: 0, factor: 1, max_backoff_ms: 0, on: [] },
    preview: { kind: 'none', reason: 'a test' },
    commands: [],
    ...change,
  };
}

/** A statement about `plan`, signed; `change` is applied before signing. */
export async function testStatement(
  plan: Plan,
  key: TestKey,
  change: Partial<ApprovalStatement> = {},
): Promise<SignedStatement> {
  return signBody(
    {
      type: 'carapulse.approval.v1',
      verdict: 'approve',
      plan_id: plan.plan_id,
      plan_hash: plan.plan_hash,
      requested_by: plan.created_by,
      approver: key.trusted.actor?.id ?? 'user:somebody',
      assurance: key.trusted.purpose === 'person' ? 'key' : 'session',
      break_glass: null,
      comment: '',
      issued_at: at(-10_000),
      expires_at: at(900_000),
      nonce: '0123456789abcdef',
      ...(key.trusted.purpose === 'gateway' ? { attested: { roles: ['operator'], groups: ['sre'] } } : {}),
      ...change,
    } satisfies ApprovalStatement,
    key.signer,
  );
}

/** An envelope for the plan's first step, signed; `change` is applied before signing. */
export async function testEnvelope(
  plan: Plan,
  orchestrator: TestKey,
  approvals: readonly SignedStatement[],
  change: Partial<EnvelopeBody> = {},
): Promise<Envelope> {
  return signBody(
    {
      type: 'carapulse.envelope.v1',
      plan,
      step_id: plan.steps[0]?.step_id ?? 'write',
      direction: 'forward',
      execution_id: TEST_IDS.execution,
      idempotency_key: `${TEST_IDS.execution}/write/1`,
      epoch: 1,
      first_write_at: null,
      approvals: [...approvals],
      issued_at: at(-1000),
      expires_at: at(60_000),
      ...change,
    } satisfies EnvelopeBody,
    orchestrator.signer,
  );
}
