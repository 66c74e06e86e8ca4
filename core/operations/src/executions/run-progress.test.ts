import { testPlan } from '@carapulse/approval/testing';
import type { ExecutionStatus, Plan } from '@carapulse/plan';
import { describe, expect, it } from 'vitest';
import type { ExecutionRecord, StepRecord } from '../ports/index.ts';
import { aCheck } from '@carapulse/workflows/testing/plan';
import { TOLD } from '../testing/index.ts';
import { runProgress } from './run-progress.ts';

const NOW = '2026-01-10T12:00:00.000Z';
const nowMs = Date.parse(NOW);
const [only] = testPlan().steps;
if (only === undefined) throw new Error('the plan has no step');
const plan: Plan = {
  ...testPlan(),
  steps: [only, { ...only, step_id: 'after', depends_on: ['write'], verify: [] }],
  max_run_ms: 60_000,
};

const execution = (status: ExecutionStatus, change: Partial<ExecutionRecord> = {}): ExecutionRecord => ({
  execution_id: 'ex_1',
  plan_id: plan.plan_id,
  tenant_id: 'acme',
  status,
  status_reason: '',
  epoch: 1,
  queued_at: NOW,
  started_at: NOW,
  first_write_at: null,
  ended_at: null,
  steering: null,
  revision: 1,
  ...change,
});
const row = (status: StepRecord['status'], change: Partial<StepRecord> = {}): StepRecord => ({
  execution_id: 'ex_1',
  step_id: 'write',
  status,
  attempts: 2,
  started_at: NOW,
  ended_at: NOW,
  detail: '',
  evidence_id: null,
  retry_at: null,
  ...change,
});
const progress = (of: ExecutionRecord, rows: readonly StepRecord[] = []) =>
  runProgress({ plan, execution: of, rows, checks: [], nowMs });

describe('where a run is', () => {
  it('counts its steps and tells which attempt is under way and what waits for it', () => {
    expect(progress(execution('running'), [row('running')])).toMatchObject({
      counts: { running: 1, waiting: 1 },
      deadline_at: '2026-01-10T12:01:00.000Z',
      steps: [
        { step_id: 'write', state: 'running', attempt: 2, waits_for: null },
        { step_id: 'after', state: 'waiting', attempt: 0, waits_for: { kind: 'steps', step_ids: ['write'] } },
      ],
    });
  });

  it.each([
    [
      'a timer',
      execution('running'),
      [row('failed', { retry_at: '2026-01-10T12:00:05.000Z' })],
      { kind: 'timer' },
    ],
    ['its dispatch', execution('queued', { started_at: null }), [], { kind: 'run', what: 'its dispatch' }],
    ['checks', execution('running'), [], { kind: 'run', what: 'checks before it' }],
    [
      'a halt',
      execution('running', { status_reason: 'halted: drill' }),
      [],
      { kind: 'run', what: 'halted: drill' },
    ],
    ['a word', execution('parked'), [row('outcome_unknown')], { kind: 'person' }],
    [
      'a person',
      execution('paused', { status_reason: 'paused by user:bob: look\nstill under way: x' }),
      [],
      { kind: 'person', what: 'paused by user:bob: look' },
    ],
    ['nothing once its time has come', execution('rolling_back'), [row('failed', { retry_at: NOW })], null],
    ['nothing at the end', execution('failed', { ended_at: NOW }), [], null],
  ] as const)('says that a step waits for %s', (_, of, rows, expected) => {
    const found = progress(of, rows).steps[0]?.waits_for;
    if (expected === null) expect(found).toBeNull();
    else expect(found).toMatchObject(expected);
  });

  it('tells what may be done only while the run waits for people, and why not else', () => {
    const may = (of: ExecutionRecord) => progress(of, [row('failed')]).steps[0];
    expect(may(execution('paused', { steering: TOLD }))).toMatchObject({ retry: null, skip: null });
    expect(may(execution('running', { steering: TOLD }))?.retry).toContain('exec pause');
    expect(may(execution('failed', { steering: TOLD, ended_at: NOW }))?.skip).toBe('the run has ended');
  });

  it('counts time while paused, and none on the way back', () => {
    const deadlineAt = (of: ExecutionRecord) => progress(of).deadline_at;
    expect(deadlineAt(execution('paused', { steering: { ...TOLD, deadline_ms: nowMs } }))).toBe(NOW);
    expect(deadlineAt(execution('paused', { steering: { ...TOLD, stopping: true } }))).toBeNull();
    expect(deadlineAt(execution('rolling_back'))).toBeNull();
  });

  it('is verifying while a step that is done has not had its checks', () => {
    const check = {
      execution_id: 'ex_1',
      step_id: 'write',
      check_id: 'v',
      at: NOW,
      detail: '',
      evidence_id: null,
    };
    const verified = { ...only, verify: [aCheck('v')] };
    const known = { plan: { ...plan, steps: [verified] }, execution: execution('running'), nowMs };
    const said = { ...check, phase: 'after' as const, verdict: 'passed' as const };
    const state = (checks: readonly (typeof said)[]) =>
      runProgress({ ...known, rows: [row('succeeded')], checks }).steps[0]?.state;
    expect([state([]), state([said])]).toEqual(['verifying', 'done']);
  });
});
