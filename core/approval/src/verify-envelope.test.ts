import { AppError } from '@carapulse/kernel';
import { planHash } from '@carapulse/plan';
import type { Plan } from '@carapulse/plan';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { signBody } from './signing.ts';
import type { Envelope, SignedStatement } from './statement.ts';
import {
  TEST_IDS,
  TEST_NOW_MS,
  testEnvelope,
  testKey,
  testPlan,
  testStatement,
  testStep,
  testTrust,
} from './testing.ts';
import { verifyEnvelope } from './verify-envelope.ts';

const orchestrator = testKey('orchestrator-1', 'orchestrator');
const alice = testKey('alice-1', 'person', { id: 'user:alice' });
const requester = testKey('requester-1', 'person', { id: 'user:requester' });
const requesterAgain = testKey('requester-2', 'person', { id: 'user:requester' });
const gateway = testKey('gateway-1', 'gateway');
const stranger = testKey('stranger-1', 'person', { id: 'user:alice' });
const trust = testTrust(
  ...[orchestrator, alice, requester, requesterAgain, gateway].map((key) => key.trusted),
);
const at = (offsetMs: number): string => new Date(TEST_NOW_MS + offsetMs).toISOString();

function outcome(envelope: unknown, nowMs = TEST_NOW_MS, store = trust): string {
  try {
    verifyEnvelope(envelope, { trust: store, nowMs });
    return 'granted';
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const refused = error.details['refused'] as ReadonlyArray<{ reason: string }> | undefined;
    return [error.details['reason'], ...(refused ?? []).map((entry) => entry.reason)].join(' ');
  }
}

async function good(plan: Plan = testPlan(), change = {}): Promise<Envelope> {
  return testEnvelope(plan, orchestrator, [await testStatement(plan, alice)], change);
}

describe('verifyEnvelope', () => {
  test('grants exactly the call of the approved step', async () => {
    const grant = verifyEnvelope(await good(), { trust, nowMs: TEST_NOW_MS });
    expect(grant.call.input).toEqual({ word: 'after' });
    expect(grant.approvals.approvers).toEqual(['user:alice']);
  });

  test('grants the hashed rollback, never blocked by expiry or by a later revocation', async () => {
    const late = TEST_NOW_MS + 86_400_000;
    const plan = testPlan();
    const envelope = await testEnvelope(plan, orchestrator, [await testStatement(plan, alice)], {
      direction: 'rollback',
      first_write_at: at(1000),
      issued_at: at(86_400_000),
      expires_at: at(86_460_000),
    });
    const revokedSince = testTrust(orchestrator.trusted, { ...alice.trusted, revoked_at: at(2000) });
    expect(verifyEnvelope(envelope, { trust: revokedSince, nowMs: late }).call.input).toEqual({
      word: 'before',
    });
  });

  test('grants the rollback, but no further write, when the clock was set back since the first one', async () => {
    const plan = testPlan();
    const statement = await testStatement(plan, alice);
    const after = async (direction: 'forward' | 'rollback'): Promise<string> =>
      outcome(
        await testEnvelope(plan, orchestrator, [statement], {
          direction,
          first_write_at: at(1000),
          issued_at: at(-7_200_000),
          expires_at: at(-7_140_000),
        }),
        TEST_NOW_MS - 7_200_000,
      );
    expect(await after('rollback')).toBe('granted');
    expect(await after('forward')).toBe('first_write_impossible');
  });

  test('judges a later write by the plan’s longest run instead of its expiry', async () => {
    const plan = testPlan();
    const later = async (offsetMs: number): Promise<string> =>
      outcome(
        await testEnvelope(plan, orchestrator, [await testStatement(plan, alice, { expires_at: at(2000) })], {
          first_write_at: at(1000),
          issued_at: at(offsetMs),
          expires_at: at(offsetMs + 60_000),
        }),
        TEST_NOW_MS + offsetMs,
      );
    expect(await later(500_000)).toBe('granted');
    expect(await later(601_001)).toBe('run_time_exceeded');
  });

  const plan = testPlan();
  const approved = async (change: object): Promise<Envelope> =>
    testEnvelope(plan, orchestrator, [await testStatement(plan, alice)], change);
  const stated = async (...statements: readonly SignedStatement[]): Promise<Envelope> =>
    testEnvelope(plan, orchestrator, statements);
  const attacks: ReadonlyArray<readonly [string, string, () => Promise<unknown>]> = [
    ['no envelope', 'envelope_missing', async () => null],
    ['a plan that nobody approved', 'approvals_missing', async () => stated()],
    [
      'a statement forged without the key',
      'approvals_missing signature_invalid',
      async () => {
        const forged = await testStatement(plan, stranger);
        return stated({ ...forged, signed: { ...forged.signed, key_id: 'alice-1' } });
      },
    ],
    [
      'a key that nobody trusts',
      'approvals_missing key_unknown',
      async () => stated(await testStatement(plan, stranger)),
    ],
    [
      'another plan’s statement',
      'approvals_missing other_plan',
      async () =>
        stated(await testStatement(testPlan({ plan_id: TEST_IDS.otherPlan, max_run_ms: 5 }), alice)),
    ],
    [
      'a statement on the same hash under another id',
      'approvals_missing other_plan',
      async () => {
        const twin = testPlan({ plan_id: TEST_IDS.otherPlan });
        expect(twin.plan_hash).toBe(plan.plan_hash);
        return stated(await testStatement(twin, alice));
      },
    ],
    [
      'an edited statement',
      'approvals_missing signature_invalid',
      async () => {
        const denial = await testStatement(plan, alice, { verdict: 'deny' });
        return stated({ ...denial, body: { ...denial.body, verdict: 'approve' } });
      },
    ],
    [
      'an expired statement',
      'approvals_missing expired',
      async () => stated(await testStatement(plan, alice, { expires_at: at(0) })),
    ],
    [
      'the requester’s own approval',
      'approvals_missing self_approval',
      async () => stated(await testStatement(plan, requester)),
    ],
    [
      'the requester’s approval under a second key',
      'approvals_missing self_approval',
      async () => stated(await testStatement(plan, requesterAgain)),
    ],
    [
      'a statement in another’s name',
      'approvals_missing approver_differs',
      async () => stated(await testStatement(plan, requesterAgain, { approver: 'user:alice' })),
    ],
    [
      'an approval that saw another requester',
      'approvals_missing requester_differs',
      async () => stated(await testStatement(plan, alice, { requested_by: 'user:mallory' })),
    ],
    [
      'a statement signed with the orchestrator’s key',
      'approvals_missing key_purpose',
      async () => stated(await testStatement(plan, orchestrator, { approver: 'user:alice' })),
    ],
    [
      'a gateway that claims a person’s own key',
      'approvals_missing assurance_overstated',
      async () => stated(await testStatement(plan, gateway, { assurance: 'key' })),
    ],
    [
      'a gateway that vouches for no roles',
      'approvals_missing not_permitted',
      async () =>
        stated(await testStatement(plan, gateway, { attested: { roles: ['observer'], groups: [] } })),
    ],
    [
      'a denial beside an approval',
      'plan_denied',
      async () =>
        stated(await testStatement(plan, alice), await testStatement(plan, gateway, { verdict: 'deny' })),
    ],
    [
      'an envelope signed by a person',
      'orchestrator_key_purpose',
      async () => testEnvelope(plan, alice, [await testStatement(plan, alice)]),
    ],
    [
      'an envelope edited after signing',
      'envelope_signature_invalid',
      async () => {
        const envelope = await good();
        return { ...envelope, body: { ...envelope.body, epoch: 99 } };
      },
    ],
    [
      'an envelope of another type under the same signature',
      'envelope_malformed',
      async () => {
        const envelope = await good();
        return { ...envelope, body: { ...envelope.body, type: 'carapulse.approval.v1' } };
      },
    ],
    ['an expired envelope', 'envelope_expired', async () => approved({ expires_at: at(0) })],
    [
      'an envelope from the future',
      'envelope_not_yet_valid',
      async () => approved({ issued_at: at(120_000) }),
    ],
    ['a step that is not in the plan', 'step_not_in_plan', async () => approved({ step_id: 'other' })],
    ['a rollback before any write', 'rollback_before_write', async () => approved({ direction: 'rollback' })],
    [
      'a first write after expiry',
      'first_write_impossible',
      async () => approved({ first_write_at: at(1_800_000), issued_at: at(0) }),
    ],
    [
      'break-glass on an ordinary plan',
      'approvals_missing break_glass_not_allowed',
      async () =>
        stated(
          await testStatement(plan, requester, {
            break_glass: { reason: 'on fire', incident_id: TEST_IDS.incident },
          }),
        ),
    ],
  ];
  test.each(attacks)('refuses %s by name', async (_name, reason, make) => {
    expect(outcome(await make())).toBe(reason);
  });

  test('refuses a plan made in the future: the clock was set back, and its expiry would come too late', async () => {
    expect(outcome(await good(testPlan({ created_at: at(120_000) })))).toBe('plan_not_yet_made');
  });

  test.each([-1, 7_200_000])(
    'refuses keys that were revoked, at %s ms from what the clock says',
    async (ms) => {
      const revoked = (key: typeof alice): typeof alice.trusted => ({ ...key.trusted, revoked_at: at(ms) });
      expect(outcome(await good(), TEST_NOW_MS, testTrust(orchestrator.trusted, revoked(alice)))).toBe(
        'approvals_missing key_revoked',
      );
      expect(outcome(await good(), TEST_NOW_MS, testTrust(revoked(orchestrator), alice.trusted))).toBe(
        'orchestrator_key_revoked',
      );
    },
  );

  test('refuses a plan after its expiry, a read step, a bound input and an undo that is not there', async () => {
    const spoiled = async (change: Partial<Plan>, envelope = {}): Promise<string> =>
      outcome(await good(testPlan(change), envelope));
    expect(await spoiled({ expires_at: at(0) })).toBe('plan_expired');
    expect(await spoiled({ steps: [testStep({ kind: 'read' })] })).toBe('step_is_a_read');
    const binding = {
      pointer: '/word',
      from_step: 'read',
      from_pointer: '',
      bounds: { type: 'boolean' as const },
    };
    const bound = { ...testStep().call, bindings: [binding] };
    expect(await spoiled({ steps: [testStep({ call: bound })] })).toBe('step_has_bindings');
    const once = { first_write_at: at(-5000), direction: 'rollback' };
    const forever = testStep({ rollback: { kind: 'impossible', reason: 'it is sent' } });
    expect(await spoiled({ steps: [forever] }, once)).toBe('step_has_no_rollback');
    const denied = { ...testPlan().policy, decision: 'deny' as const };
    expect(await spoiled({ policy: denied })).toBe('plan_denied_by_policy');
  });

  test('refuses a plan of which any hashed field was edited, with the hash kept or made anew', async () => {
    const step = testStep();
    const edits: ReadonlyArray<Partial<Plan>> = [
      { context: { tenant_id: 'acme', environment: 'staging' } },
      { steps: [{ ...step, call: { ...step.call, input: { word: 'evil' } } }] },
      { steps: [{ ...step, call: { ...step.call, tool: 'git' } }] },
      { steps: [{ ...step, call: { ...step.call, definition_digest: 'sha256:1' } }] },
      { steps: [{ ...step, effects: [] }] },
      { steps: [{ ...step, repeat: 'convergent' }] },
      { steps: [{ ...step, timeout_ms: 1 }] },
      { steps: [{ ...step, rollback: { kind: 'none', reason: 'none' } }] },
      { steps: [step, { ...step, step_id: 'more' }] },
      { policy: { ...plan.policy, decision: 'allow' } },
      { policy: { ...plan.policy, constraints: [{ kind: 'require_rollback' }] } },
      { expires_at: at(7_200_000) },
      { max_run_ms: 86_400_000 },
    ];
    const statement = await testStatement(plan, alice);
    for (const edit of edits) {
      const kept = { ...plan, ...edit };
      expect(outcome(await testEnvelope(kept, orchestrator, [statement]))).toBe('plan_hash_differs');
      const anew = { ...kept, plan_hash: planHash(kept) };
      const reason = outcome(await testEnvelope(anew, orchestrator, [statement]));
      // A plan that says "allow" needs nobody here; the router asks policy again and refuses it there.
      expect(reason).toBe(edit.policy?.decision === 'allow' ? 'granted' : 'approvals_missing other_hash');
    }
  });

  test('no change of a signed envelope’s bytes is granted', async () => {
    const envelope = await good();
    expect(outcome(envelope)).toBe('granted');
    const text = JSON.stringify(envelope);
    await fc.assert(
      fc.asyncProperty(
        fc.nat(text.length - 1),
        fc.constantFrom('0', 'a', 'z', '9', '"'),
        (index, character) => {
          const changed = `${text.slice(0, index)}${character}${text.slice(index + 1)}`;
          if (changed === text) return Promise.resolve();
          let value: unknown;
          try {
            value = JSON.parse(changed);
          } catch {
            return Promise.resolve();
          }
          const result = outcome(value);
          const same = JSON.stringify(value) === text || signatureTailOnly(value, envelope);
          if (!same) expect(result).not.toBe('granted');
          return Promise.resolve();
        },
      ),
      { numRuns: 400 },
    );
  });

  test('an envelope re-signed with an unknown key is refused', async () => {
    const envelope = await good();
    const forger = testKey('orchestrator-9', 'orchestrator');
    expect(outcome(await signBody(envelope.body, forger.signer))).toBe('orchestrator_key_unknown');
  });
});

/** True when only unused bits of a base64 signature changed: the decoded bytes are the same. */
function signatureTailOnly(value: unknown, original: Envelope): boolean {
  const normal = (envelope: Envelope): string =>
    JSON.stringify(envelope, (key, item: unknown) =>
      key === 'signature' && typeof item === 'string' ? Buffer.from(item, 'base64').toString('hex') : item,
    );
  try {
    return normal(value as Envelope) === normal(original);
  } catch {
    return false;
  }
}
