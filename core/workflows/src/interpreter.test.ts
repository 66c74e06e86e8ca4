import { describe, expect, it } from 'vitest';
import { failed, OK, resultOf, runByHand, stepDone, verdict } from './testing/hand-driven.ts';
import { aCheck, aPlan, aStep, anUndo } from './testing/plan-fixtures.ts';

const retrying = {
  max_attempts: 3,
  backoff_ms: 100,
  factor: 2,
  max_backoff_ms: 150,
  on: ['transient' as const],
};

describe('a run of a plan', () => {
  it('hears one event a step when all goes well', () => {
    const run = runByHand(aPlan([aStep('a', 'read'), aStep('b', 'write', ['a'])]));
    run.answer('control/1', OK).answer('a/1', stepDone()).answer('b/1', stepDone()).answer('finish/1', OK);
    expect(resultOf(run)).toMatchObject({
      status: 'succeeded',
      steps: [{ status: 'succeeded' }, { status: 'succeeded' }],
    });
    expect(run.journal).toHaveLength(4);
    expect(run.timers.size).toBe(0);
  });

  it('starts independent branches together', () => {
    const run = runByHand(aPlan([aStep('a', 'read'), aStep('b', 'read'), aStep('c', 'read', ['a'])]));
    run.answer('control/1', OK);
    expect(run.keys()).toEqual(['run/a/1', 'run/b/1']);
    expect(run.answer('a/1', stepDone()).keys()).toEqual(['run/b/1', 'run/c/1']);
  });

  it('is held without a write when its checks pass before it', () => {
    const run = runByHand(aPlan([aStep('w', 'write')], [aCheck('up', { must_fail_before: true })]));
    run.answer('control/1', OK).answer('before/plan/up', verdict('passed')).answer('finish/1', OK);
    expect(resultOf(run)).toMatchObject({
      status: 'held',
      cause: 'already_recovered',
      steps: [{ status: 'skipped', attempts: 0 }],
    });
  });

  it('parks before the first write while a check is inconclusive, and samples it again on resume', () => {
    const step = aStep('w', 'write', [], { verify: [aCheck('ok', { must_fail_before: true })] });
    const run = runByHand(aPlan([step], [aCheck('up', { must_fail_before: true })]));
    run
      .answer('control/1', OK)
      .answer('before/plan/up', verdict('inconclusive'))
      .answer('before/w/ok', verdict('failed'));
    expect(run.waiting('transition').input).toMatchObject({ status: 'parked' });
    run.answer('transition', OK);
    expect(run.keys()).toEqual([]);
    run.signal('resume').answer('transition', OK);
    run.answer('before/plan/up', verdict('failed')).answer('before/w/ok', verdict('failed'));
    expect(run.keys()).toEqual(['run/w/1']);
  });

  it('asks its final checks for samples newer than the last write', () => {
    const run = runByHand(aPlan([aStep('w', 'write')], [aCheck('up')]));
    run.answer('control/1', OK).answer('w/1', stepDone(5_000_000));
    expect(run.waiting('after').input).toMatchObject({ newer_than_ms: 5_000_000, phase: 'after' });
    run.answer('after', verdict('passed')).answer('finish/1', OK);
    expect(resultOf(run).status).toBe('succeeded');
  });

  it('retries by class with exponential, capped backoff, then fails', () => {
    const run = runByHand(aPlan([aStep('r', 'read', [], { retry: retrying })]));
    run.answer('control/1', OK);
    const waits: number[] = [];
    for (const attempt of [1, 2]) {
      run.answer(`r/${attempt}`, failed('unavailable', 'transient'));
      const timer = [...run.timers.values()].find(({ key }) => key.includes('backoff'));
      waits.push((timer?.dueAtMs ?? 0) - (run.journal.at(-1)?.atMs ?? 0));
      run.fire('backoff');
    }
    run.answer('r/3', failed('unavailable', 'transient')).answer('finish/1', OK);
    expect(waits).toEqual([100, 150]);
    expect(resultOf(run)).toMatchObject({
      status: 'failed',
      code: 'unavailable',
      steps: [{ status: 'failed', attempts: 3 }],
    });
  });

  it('does not retry a class that its rule leaves out', () => {
    const run = runByHand(aPlan([aStep('r', 'read', [], { retry: retrying })]));
    run.answer('control/1', OK).answer('r/1', failed('tool_failed', 'permanent')).answer('finish/1', OK);
    expect(resultOf(run).status).toBe('failed');
  });

  it('waits for what is under way, then undoes writes in reverse order of completion and verifies each', () => {
    const undo = { rollback: anUndo([aCheck('back')]) };
    const run = runByHand(
      aPlan([
        aStep('a', 'write', [], undo),
        aStep('b', 'write', [], undo),
        aStep('c', 'write'),
        aStep('d', 'read'),
      ]),
    );
    run.answer('control/1', OK).answer('b/1', stepDone()).answer('a/1', stepDone());
    run.answer('c/1', failed('tool_failed'));
    expect(run.aborted).toContain('run/d/1');
    expect(run.keys()).toEqual(['run/d/1']);
    run.answer('d/1', failed('cancelled')).answer('transition', OK);
    expect(run.keys()).toEqual(['run/a/rollback/1']);
    run.answer('a/rollback/1', stepDone());
    expect(run.keys()).toHaveLength(1);
    run.answer('verify_rollback/a', verdict('passed'));
    expect(run.keys()).toEqual(['run/b/rollback/1']);
    run
      .answer('b/rollback/1', stepDone())
      .answer('verify_rollback/b', verdict('passed'))
      .answer('finish/1', OK);
    expect(resultOf(run)).toMatchObject({
      status: 'rolled_back',
      code: 'tool_failed',
      steps: [
        { status: 'rolled_back' },
        { status: 'rolled_back' },
        { status: 'failed' },
        { status: 'skipped' },
      ],
    });
  });

  it.each(['plan_stale', 'lease_held', 'policy_denied', 'approval_invalid'] as const)(
    'ends with %s and undoes nothing when it comes before the first write',
    (code) => {
      const refused = runByHand(aPlan([aStep('w', 'write')]));
      refused.answer('control/1', failed(code)).answer('finish/1', OK);
      const run = runByHand(aPlan([aStep('w', 'write')]));
      run.answer('control/1', OK).answer('w/1', failed(code)).answer('finish/1', OK);
      for (const each of [refused, run]) expect(resultOf(each)).toMatchObject({ status: 'failed', code });
    },
  );

  it('compensates when a refusal comes after the first write', () => {
    const run = runByHand(aPlan([aStep('a', 'write'), aStep('b', 'write', ['a'])]));
    run.answer('control/1', OK).answer('a/1', stepDone()).answer('b/1', failed('plan_stale'));
    run.answer('transition', OK).answer('a/rollback/1', stepDone()).answer('finish/1', OK);
    expect(resultOf(run)).toMatchObject({ status: 'rolled_back', code: 'plan_stale' });
  });

  it('parks on an inconclusive check after a write and does not roll back', () => {
    const run = runByHand(aPlan([aStep('w', 'write')], [aCheck('up')]));
    run.answer('control/1', OK).answer('w/1', stepDone()).answer('after', failed('unavailable', 'transient'));
    expect(run.waiting('transition').input).toMatchObject({ status: 'parked' });
    run.answer('transition', OK);
    expect(run.keys()).toEqual([]);
    run.signal('resume').answer('transition', OK).answer('after', verdict('passed')).answer('finish/1', OK);
    expect(resultOf(run).status).toBe('succeeded');
  });

  it('rolls back when a final check fails', () => {
    const run = runByHand(aPlan([aStep('w', 'write')], [aCheck('up')]));
    run
      .answer('control/1', OK)
      .answer('w/1', stepDone())
      .answer('after', verdict('failed'))
      .answer('transition', OK);
    run.answer('w/rollback/1', stepDone()).answer('finish/1', OK);
    expect(resultOf(run)).toMatchObject({
      status: 'rolled_back',
      cause: 'check_failed',
      code: 'verification_failed',
    });
  });

  it('parks an undo that fails, and one that is impossible, until a person says what is so', () => {
    const none = aStep('n', 'write', ['b'], { rollback: { kind: 'none', reason: 'nothing lasts' } });
    const impossible = aStep('b', 'write', ['a'], {
      rollback: { kind: 'impossible', reason: 'mail was sent' },
    });
    const run = runByHand(aPlan([aStep('a', 'write'), impossible, none], [aCheck('up')]));
    run.answer('control/1', OK).answer('a/1', stepDone()).answer('b/1', stepDone()).answer('n/1', stepDone());
    run.answer('after', verdict('failed')).answer('transition', OK);
    expect(run.waiting('transition').input).toMatchObject({ status: 'parked' });
    run.answer('transition', OK).signal('resume').signal('cancel');
    expect(run.keys()).toEqual([]);
    run.signal('resolve_unknown', { step_id: 'b', outcome: 'done' }).answer('transition', OK);
    run.answer('a/rollback/1', failed('tool_failed')).answer('transition', OK);
    expect(run.keys()).toEqual([]);
    run.signal('resolve_unknown', { step_id: 'a', outcome: 'not_done' }).answer('transition', OK);
    run.answer('a/rollback/2', stepDone()).answer('finish/1', OK);
    expect(resultOf(run)).toMatchObject({
      status: 'rolled_back',
      steps: [{ status: 'rolled_back' }, {}, { status: 'succeeded' }],
    });
  });

  it('waits on a halt and tries the same attempt again on resume', () => {
    const run = runByHand(aPlan([aStep('a', 'write'), aStep('b', 'read', ['a'])]));
    run.answer('control/1', OK).answer('a/1', failed('halted'));
    expect(run.waiting('transition').input).toMatchObject({ status: 'halted' });
    run.answer('transition', OK);
    expect(run.keys()).toEqual([]);
    run.signal('resume').answer('transition', OK);
    expect(run.waiting('a/1/resumed/1').input).toMatchObject({ step_id: 'a', attempt: 1 });
    run
      .answer('a/1/resumed/1', failed('halted'))
      .answer('transition', OK)
      .signal('resume')
      .answer('transition', OK);
    run.answer('a/1/resumed/2', stepDone()).answer('b/1', stepDone()).answer('finish/1', OK);
    expect(resultOf(run).status).toBe('succeeded');
  });

  it('does not undo while halted, and goes on with the undo on resume', () => {
    const run = runByHand(aPlan([aStep('a', 'write'), aStep('b', 'write', ['a'])]));
    run.answer('control/1', OK).answer('a/1', stepDone()).answer('b/1', failed('halted')).signal('cancel');
    run.answer('transition', OK).answer('transition', OK);
    expect(run.keys()).toEqual([]);
    run
      .signal('resume')
      .answer('transition', OK)
      .answer('a/rollback/1', failed('halted'))
      .answer('transition', OK);
    expect(run.keys()).toEqual([]);
    run
      .signal('resume')
      .answer('transition', OK)
      .answer('a/rollback/1/resumed/1', stepDone())
      .answer('finish/1', OK);
    expect(resultOf(run)).toMatchObject({
      status: 'cancelled',
      steps: [{ status: 'rolled_back' }, { status: 'skipped' }],
    });
  });

  it.each([
    ['done', 'succeeded', 1],
    ['not_done', 'succeeded', 2],
  ] as const)(
    'parks on an unknown effect and believes the person who says %s',
    (outcome, status, attempts) => {
      const run = runByHand(aPlan([aStep('w', 'write')]));
      run
        .answer('control/1', OK)
        .answer('w/1', failed('outcome_unknown', 'unknown'))
        .answer('transition', OK);
      run.signal('cancel-not').signal('resume');
      expect(run.keys()).toEqual([]);
      run.signal('resolve_unknown', { step_id: 'w', outcome }).answer('transition', OK);
      if (outcome === 'not_done') run.answer('w/2', stepDone());
      run.answer('finish/1', OK);
      expect(resultOf(run)).toMatchObject({ status, steps: [{ attempts }] });
    },
  );

  it('awaits a write under way when cancelled, then undoes it', () => {
    const run = runByHand(aPlan([aStep('w', 'write'), aStep('r', 'read'), aStep('z', 'write', ['w'])]));
    run.answer('control/1', OK).signal('cancel');
    expect([...run.aborted].filter((key) => key.startsWith('run/w'))).toEqual([]);
    run.answer('r/1', failed('cancelled')).answer('w/1', stepDone()).answer('transition', OK);
    run.answer('w/rollback/1', stepDone()).answer('finish/1', OK);
    expect(resultOf(run)).toMatchObject({
      status: 'cancelled',
      steps: [{ status: 'rolled_back' }, { status: 'skipped' }, { status: 'skipped' }],
    });
  });

  it('ends without an undo when cancelled before the first write', () => {
    const run = runByHand(aPlan([aStep('w', 'write')])).signal('cancel');
    run.answer('control/1', OK).answer('finish/1', OK);
    expect(resultOf(run)).toMatchObject({ status: 'cancelled', steps: [{ attempts: 0 }] });
  });

  it('waits when halted before it began, until it is resumed or cancelled', () => {
    const resumed = runByHand(aPlan([aStep('w', 'write')]));
    resumed
      .answer('control/1', failed('halted'))
      .answer('transition', OK)
      .signal('resume')
      .answer('transition', OK);
    expect(resumed.waiting('begin').input).toEqual({ execution_id: 'run' });
    const run = runByHand(aPlan([aStep('w', 'write')]));
    run
      .answer('control/1', failed('halted'))
      .answer('transition', OK)
      .signal('cancel')
      .answer('transition', OK);
    run.answer('finish/1', OK);
    expect(resultOf(run).status).toBe('cancelled');
  });

  it('begins again after a while when what it needs is not there', () => {
    const run = runByHand(aPlan([aStep('w', 'write')]));
    run.answer('begin', failed('unavailable', 'transient')).fire('again').answer('begin', OK);
    expect(run.keys()).toEqual(['run/w/1']);
  });

  it('stops forward steps but not compensation when the approval is revoked', () => {
    const run = runByHand(aPlan([aStep('a', 'write'), aStep('b', 'write', ['a'])]));
    run
      .answer('control/1', OK)
      .answer('a/1', stepDone())
      .signal('revoke')
      .answer('b/1', failed('approval_invalid'));
    run.answer('transition', OK).signal('revoke').answer('a/rollback/1', stepDone()).answer('finish/1', OK);
    expect(resultOf(run)).toMatchObject({ status: 'rolled_back', cause: 'revoked' });
  });

  it('stops and compensates when its maximum run time has passed', () => {
    const run = runByHand(aPlan([aStep('a', 'write'), aStep('b', 'read', ['a'])]));
    run.answer('control/1', OK).answer('a/1', stepDone()).fire('max-run').answer('b/1', failed('cancelled'));
    run.answer('transition', OK).answer('a/rollback/1', stepDone()).answer('finish/1', OK);
    expect(resultOf(run)).toMatchObject({ status: 'rolled_back', cause: 'max_run' });
  });

  it('leaves a good write alone when the maximum passes while a person is asked about its check', () => {
    const run = runByHand(aPlan([aStep('a', 'write')], [aCheck('up')]));
    run
      .answer('control/1', OK)
      .answer('a/1', stepDone())
      .answer('after', verdict('inconclusive'))
      .answer('transition', OK);
    run
      .fire('max-run')
      .answer('transition', OK)
      .signal('resume')
      .answer('transition', OK)
      .answer('after', verdict('passed'))
      .answer('finish/1', OK);
    expect(resultOf(run).status).toBe('succeeded');
  });

  it('checks preconditions before each attempt at a write', () => {
    const step = aStep('w', 'write', [], { preconditions: [aCheck('same')], retry: retrying });
    const run = runByHand(aPlan([step]));
    run
      .answer('control/1', OK)
      .answer('precondition', verdict('passed'))
      .answer('w/1', failed('unavailable', 'transient'));
    run.fire('backoff').answer('precondition', verdict('failed')).answer('finish/1', OK);
    expect(resultOf(run)).toMatchObject({ status: 'failed', code: 'precondition_failed' });
  });

  it('gives a step the outputs that it binds to, and no others', () => {
    const binding = {
      pointer: '/x',
      from_step: 'a',
      from_pointer: '/id',
      bounds: { type: 'boolean' as const },
    };
    const call = { ...aStep('c', 'read').call, bindings: [binding] };
    const run = runByHand(
      aPlan([aStep('a', 'read'), aStep('b', 'read'), aStep('c', 'read', ['a', 'b'], { call })]),
    );
    run
      .answer('control/1', OK)
      .answer('a/1', stepDone(null, { id: true }))
      .answer('b/1', stepDone(null, { id: false }));
    expect(run.waiting('c/1').input).toMatchObject({ outputs: { a: { id: true } } });
    expect(Object.keys(run.waiting('c/1').input['outputs'] ?? {})).toEqual(['a']);
  });

  it('ends although its end cannot be recorded, after ten attempts', () => {
    const run = runByHand(aPlan([aStep('r', 'read')]));
    run.answer('control/1', OK).answer('r/1', stepDone());
    for (let attempt = 1; attempt <= 10; attempt += 1) {
      run.answer(`finish/${attempt}`, failed('unavailable', 'transient'));
      if (attempt < 10) run.fire('again');
    }
    expect(resultOf(run).status).toBe('succeeded');
  });

  it('hands a check the outputs that its bounds take from, also while it is asked again', () => {
    const relative = { from_step: 'before', from_pointer: '/value', factor: 1, plus: 0 };
    const check = aCheck('holds', { expect: [{ pointer: '/value', op: 'lte', value: null, relative }] });
    const steps = [
      aStep('before', 'read'),
      aStep('w', 'write', ['before']),
      aStep('after', 'read', ['w'], { verify: [check] }),
    ];
    const run = runByHand(aPlan(steps));
    run
      .answer('control/1', OK)
      .answer('before/1', stepDone(null, { value: 7 }))
      .answer('w/1', stepDone());
    run.nowMs += 60_000;
    const { nowMs: ended } = run;
    run.answer('after/1', stepDone(null, { value: 9 }));
    const asked = { outputs: { before: { value: 7 } }, newer_than_ms: ended };
    expect(run.waiting('verify').input).toMatchObject(asked);
    expect(Object.keys(run.waiting('verify').input['outputs'] as object)).toEqual(['before']);
    run.answer('verify', verdict('inconclusive')).answer('transition', OK).signal('resume');
    run.answer('transition', OK);
    expect(run.waiting('verify').input).toMatchObject(asked);
  });
});
