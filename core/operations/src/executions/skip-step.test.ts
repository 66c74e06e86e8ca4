import { toAppError } from '@carapulse/kernel';
import { describe, expect, it } from 'vitest';
import { invoke } from '../operation.ts';
import { steeredRun, TOLD } from '../testing/index.ts';
import { steeringVerbSuite, type SteeredRun } from '../testing/steering-verb-suite.ts';
import { skipStep } from './skip-step.ts';

const call = (run: SteeredRun, change: object = {}, who: Parameters<SteeredRun['as']>[0] = {}) =>
  invoke(skipStep, run.as(who), {
    execution_id: run.id,
    reason: 'I looked into it',
    step_id: 'write',
    ...change,
  });
const ready = () => steeredRun('paused', { ...TOLD, skippable_checks: ['up'] });
const steps = TOLD.steps.map((step) => ({ ...step, skip: 'others take its output' }));

steeringVerbSuite({
  verb: 'skip',
  signal: 'skip',
  call,
  ready,
  said: { reason: 'I looked into it', step_id: 'write' },
  refused: [
    { status: 'failed', says: 'has ended' },
    { status: 'running', says: 'exec pause' },
    { status: 'parked', says: 'exec pause' },
    { status: 'parked', says: 'others take its output', steering: { ...TOLD, steps } },
  ],
  wrong: [
    { what: 'a step that the plan has not', change: { step_id: 'wirte' }, code: 'not_found' },
    { what: 'neither step nor check', change: { step_id: undefined }, code: 'invalid_input' },
    { what: 'both', change: { check_id: 'up' }, code: 'invalid_input' },
    {
      what: 'a check that is not inconclusive',
      change: { step_id: undefined, check_id: 'down' },
      code: 'conflict',
    },
  ],
  peopleOnly: true,
});

describe('skip-step', () => {
  it('takes an inconclusive check of the end', async () => {
    const run = await ready();
    await call(run, { step_id: undefined, check_id: 'up' });
    expect(run.harness.signals).toMatchObject([{ name: 'skip', payload: { check_id: 'up' } }]);
  });

  it('asks policy in the name of the person, and holds to a denial', async () => {
    const run = await ready();
    await call(run);
    expect(run.harness.asked).toMatchObject([
      {
        actor: { id: 'user:bob' },
        action: { tool: 'plan', name: 'skip', phase: 'dispatch', input: { skip: { step_id: 'write' } } },
      },
    ]);
    const denied = await ready();
    denied.harness.decision = { ...denied.harness.decision, decision: 'deny' };
    expect(await denied.harness.refusal(() => call(denied))).toMatchObject({ code: 'policy_denied' });
  });

  it.each([
    ['of which an attempt may have taken effect is not', 'failed', 'intent', 'conflict'],
    ['that took effect is, for its check', 'succeeded', 'done', 'told'],
  ] as const)('skips: a write %s', async (_, status, state, expected) => {
    const run = await steeredRun('parked', TOLD, { status });
    await run.harness.store.transaction((tx) =>
      tx.insertToolCall({
        key: `${run.id}/write/forward`,
        tool: 'note',
        action: 'write',
        kind: 'write',
        input_digest: 'sha256:0',
        execution_id: run.id,
        epoch: 1,
        process: 1,
        state,
        response: null,
        code: null,
        begun_at: run.plan.created_at,
        ended_at: state === 'intent' ? null : run.plan.created_at,
      }),
    );
    const answer = await call(run).then(
      () => 'told',
      (error: unknown) => toAppError(error).code,
    );
    expect(answer).toBe(expected);
  });
});
