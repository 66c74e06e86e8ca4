import type { JsonObject, JsonValue } from '@carapulse/kernel';
import { freezePlan, Plan } from '@carapulse/plan';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matchPlaybooks, type MatchedPlaybook } from './match-playbooks.ts';
import { planFromPlaybook, type PlanningInput } from './plan-from-playbook.ts';
import { createPlaybookPlanner } from './planner.ts';
import {
  ALERT,
  CATALOGUE,
  COMMIT,
  DOCUMENT,
  FINDING,
  INCIDENT,
  loadFixture,
  NOW,
  PREVIEW,
  PROFILE,
  REVERT,
  TIP,
} from './testing.ts';

const signal = new AbortController().signal;
const request = {
  incident: INCIDENT,
  alerts: [ALERT],
  profile: PROFILE,
  planId: 'pl_01jd7q8z9abcdefghjkmnpqrst',
  createdBy: 'service:planner',
  trigger: { kind: 'alert' as const, ref: ALERT.alert_id },
  context: INCIDENT.context,
  now: NOW,
};

function matched(change: Readonly<Record<string, unknown>>): MatchedPlaybook {
  const [match] = matchPlaybooks({
    ...request,
    playbooks: [loadFixture(change)],
    diagnosis: { findings: [FINDING] },
  });
  if (match?.matched !== true) throw new Error(match?.because.join('; '));
  return match;
}

function plan(
  change: Readonly<Record<string, unknown>> = {},
  preview: JsonValue = PREVIEW,
  rest: Partial<PlanningInput> = {},
) {
  const calls: Array<{ tool: string; action: string; input: JsonObject }> = [];
  const outcome = planFromPlaybook(
    {
      ...request,
      match: matched(change),
      catalogue: CATALOGUE,
      readTool: (call) => {
        calls.push(call);
        return Promise.resolve(preview);
      },
      ...rest,
    },
    signal,
  );
  return { outcome, calls };
}

const steps = (change: (step: (typeof DOCUMENT.steps)[number]) => object) => ({
  steps: DOCUMENT.steps.map(change),
});

describe('planFromPlaybook', () => {
  it('makes a plan of literals that freezes, with effects, digests, undo, preview, risk and radius', async () => {
    const { outcome, calls } = plan();
    const planned = await outcome;
    if (planned.kind !== 'planned') throw new Error(planned.because.join('; '));
    expect(calls).toEqual([
      { tool: 'git', action: 'preview', input: { repository: 'shop', commit: COMMIT, date: NOW } },
    ]);
    const frozen = Plan.parse(
      freezePlan(planned.draft, {
        decision: 'allow',
        reasons: [{ rule: 'r', message: 'm' }],
        constraints: [],
        ttl_s: 60,
        bundle_digest: 'x',
      }),
    );
    expect(JSON.stringify(frozen)).not.toContain('$ref');
    expect(frozen.summary).toBe(`Take back ${COMMIT} on main`);
    const [look, revert] = frozen.steps;
    expect(look).toMatchObject({ kind: 'read', rollback: { kind: 'none' } });
    expect(revert).toMatchObject({
      kind: 'write',
      repeat: 'observable',
      call: { input: { repository: 'shop', branch: 'main', commit: COMMIT, base: TIP }, bindings: [] },
      effects: [{ kind: 'git_push', target: 'git:shop/refs/heads/main' }],
      preview: { kind: 'diff', text: PREVIEW.diff, truncated: false },
      rollback: {
        kind: 'call',
        call: { input: { commit: REVERT, base: REVERT } },
        verify: [{ expect: [{ pointer: '/tree', op: 'eq', value: 't0' }] }],
      },
    });
    expect(frozen.checks).toMatchObject([
      { must_fail_before: true, samples: { required: 3, interval_ms: 300, within_ms: 20_000 } },
    ]);
    expect(frozen.risk).toMatchObject({ level: 'medium', rules: [{ rule: 'production_environment' }, {}] });
    expect(frozen.blast_radius).toEqual({
      kind: 'known',
      resources: ['git:shop/refs/heads/main', 'service:checkout'],
      dependents: ['storefront'],
    });
    expect(frozen.expires_at).toBe('2026-11-21T10:32:00.000Z');
    expect(frozen.origin.because).toEqual(matched({}).because);
  });

  it('lets a check wait as long as the profile of the service says', async () => {
    const { outcome } = plan({
      parameters: {
        ...DOCUMENT.parameters,
        recovers_within_ms: {
          type: 'integer',
          min: 1,
          max: 600_000,
          from: { profile: '/recovers_within_ms' },
        },
      },
      checks: DOCUMENT.checks.map((check) => ({
        ...check,
        samples: { ...check.samples, within: { $ref: 'parameters.recovers_within_ms' } },
      })),
    });
    expect(await outcome).toMatchObject({
      kind: 'planned',
      draft: { checks: [{ samples: { within_ms: 120_000 } }] },
    });
  });

  it('makes no plan when a condition on what was read does not hold, and says its sentence', async () => {
    expect(await plan({}, { ...PREVIEW, kind: 'refused' }).outcome).toEqual({
      kind: 'not_planned',
      because: ['it cannot be taken back alone'],
    });
    const other = { ...PREVIEW, forward: { ...PREVIEW.forward, commit: TIP } };
    expect(await plan({}, other).outcome).toEqual({
      kind: 'not_planned',
      because: ['the preview is of another commit'],
    });
  });

  it.each(['[redacted:secret]', 'https://web:[redacted:url-password]@shop.example'])(
    'makes no plan that would write %j in place of what was hidden when it was read',
    async (hidden) => {
      const undo = { ...PREVIEW, undo: { ...PREVIEW.undo, repository: hidden } };
      const forward = { ...PREVIEW, forward: { ...PREVIEW.forward, repository: hidden } };
      for (const preview of [undo, forward]) {
        expect(await plan({}, preview).outcome).toMatchObject({
          kind: 'not_planned',
          because: [expect.stringContaining('git.revert would be given [redacted:…] in place of a secret')],
        });
      }
    },
  );

  it('makes no plan when a read lacks what is referred to', async () => {
    const { undo: _, ...partial } = PREVIEW;
    expect(await plan({}, partial).outcome).toEqual({
      kind: 'not_planned',
      because: ["reads.preview/undo is not there: the read's output has no such value"],
    });
  });

  it('refuses what the tool would not take, naming playbook, file and step, before anything is proposed', async () => {
    const bad = { ...PREVIEW, forward: { ...PREVIEW.forward, base: 'HEAD; rm -rf /' } };
    await expect(plan({}, bad).outcome).rejects.toThrow(
      /Playbook take-back \(take-back\.yaml\): step revert: git\.revert does not take this input: .*\/base/,
    );
  });

  it.each([
    ['a write without an undo', steps((step) => ({ ...step, rollback: undefined })), 'says no rollback'],
    [
      'a tool that is not there',
      steps((step) => ({ ...step, call: { tool: 'kubectl', action: 'scale', input: {} } })),
      'kubectl.scale is not configured',
    ],
    [
      'a check that writes',
      {
        checks: [
          {
            ...DOCUMENT.checks[0],
            call: { tool: 'git', action: 'revert', input: { $ref: 'reads.preview/forward' } },
          },
        ],
      },
      'which writes',
    ],
    [
      'a read that writes',
      { reads: [{ id: 'preview', call: { tool: 'git', action: 'revert', input: PREVIEW.forward } }] },
      'only reads are made while planning',
    ],
  ])('refuses %s', async (_, change, message) => {
    await expect(plan(change).outcome).rejects.toThrow(message);
  });

  it('says the radius is unknown when nobody configured dependents, and that a preview is missing or cut', async () => {
    const blind = await plan({}, { ...PREVIEW, diff: '' }, { profile: { ...PROFILE, dependents: null } })
      .outcome;
    expect(blind).toMatchObject({
      draft: {
        blast_radius: { kind: 'unknown', reason: 'no dependents are known of checkout' },
        risk: { level: 'high', rules: [{ rule: 'no_preview' }, { rule: 'unknown_blast_radius' }, {}, {}] },
      },
    });
    const cut = await plan(
      steps((step) => ({
        ...step,
        ...(step.id === 'revert'
          ? { preview: { diff: { $ref: 'reads.preview/diff' }, truncated: { $ref: 'reads.preview/cut' } } }
          : {}),
      })),
      { ...PREVIEW, cut: true },
    ).outcome;
    expect(cut).toMatchObject({ draft: { steps: [{}, { preview: { truncated: true } }] } });
  });

  it('stops when it is told to, without another read', async () => {
    const aborted = AbortSignal.abort();
    let reads = 0;
    const outcome = planFromPlaybook(
      { ...request, match: matched({}), catalogue: CATALOGUE, readTool: () => Promise.resolve((reads += 1)) },
      aborted,
    );
    await expect(outcome).rejects.toThrow('planning was stopped');
    expect(reads).toBe(0);
  });

  it('never lets a text that was read reach a call as part of another, nor the summary as more than text', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary' }), async (text) => {
        const summary = 'Take {repository} back: {commit} {probe_url}';
        const outcome = await plan({ summary }, { ...PREVIEW, diff: `x${text}`, base_tree: text }).outcome;
        if (outcome.kind !== 'planned') throw new Error(outcome.because.join('; '));
        const { steps, ...rest } = outcome.draft;
        expect(steps[1]?.call.input).toEqual(PREVIEW.forward);
        expect(rest.summary).toBe(`Take shop back: ${COMMIT} http://127.0.0.1:9000/checkout`);
      }),
    );
  });
});

describe('createPlaybookPlanner', () => {
  const propose = (playbooks: ReturnType<typeof loadFixture>[], preview: (id: number) => JsonValue) => {
    let reads = 0;
    const planner = createPlaybookPlanner({
      playbooks: () => Promise.resolve(playbooks),
      catalogue: CATALOGUE,
      readTool: () => Promise.resolve(preview((reads += 1))),
    });
    const diagnosis = { findings: [FINDING], excluded: [], missing: [], conclusion: '' };
    return planner.propose({ ...request, diagnosis }, signal);
  };

  it('goes on to the next playbook that matches when one turns out not to apply', async () => {
    const proposal = await propose([loadFixture({ name: 'a' }), loadFixture({ name: 'b' })], (read) =>
      read === 1 ? { kind: 'refused' } : PREVIEW,
    );
    expect(proposal.draft?.origin.name).toBe('b');
  });

  it('proposes nothing and says why, one line a playbook', async () => {
    const proposal = await propose([loadFixture()], () => ({ kind: 'refused' }));
    expect(proposal.draft).toBeNull();
    expect(proposal.because[0]).toBe('take-back: it cannot be taken back alone');
    expect((await propose([], () => null)).because).toEqual(['no playbook matches']);
  });
});
