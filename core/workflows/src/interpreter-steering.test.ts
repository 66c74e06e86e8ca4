import type { JsonObject } from '@carapulse/kernel';
import { describe, expect, it } from 'vitest';
import { TransitionInput } from './activities.ts';
import type { Steering } from './steering.ts';
import type { HandDriven } from './testing/hand-driven.ts';
import { failed, OK, resultOf, runByHand, stepDone, verdict } from './testing/hand-driven.ts';
import { aCheck, aPlan, anUndo, aStep } from './testing/plan-fixtures.ts';

type Run = HandDriven<unknown>;
const HAND = { by: 'user:bob', reason: 'look' };
const of = (step_id: string): JsonObject => ({ ...HAND, step_id });

/** What people were told last: status, reason, and what they may do. */
function tell(run: Run): { status: string; reason: string; steering: Steering } {
  const { status, reason, steering } = TransitionInput.parse(run.waiting('transition').input);
  run.answer('transition', OK);
  if (steering === undefined) throw new Error('nothing was told but the status');
  return { status, reason, steering };
}
/** Answers all notices, whatever they say. */
function calm(run: Run): Run {
  while (run.keys().some((key) => key.includes('/transition/'))) run.answer('transition', OK);
  return run;
}
const stepIn = (steering: Steering, id: string) => steering.steps.find(({ step_id }) => step_id === id);

const TWO = aPlan([aStep('a', 'write'), aStep('b', 'write', ['a'])], [aCheck('up')]);
/** Paused while `b` is under way, `a` being done. */
function pausedInB(plan = TWO): Run {
  const run = runByHand(plan).answer('control/1', OK).answer('a/1', stepDone());
  return calm(run.signal('pause', HAND));
}

describe('pause', () => {
  it('awaits what is under way, starts nothing more, tells who and why, and resumes', () => {
    const run = runByHand(TWO).answer('control/1', OK).signal('pause', HAND);
    expect(tell(run)).toMatchObject({
      status: 'paused',
      reason: 'paused by user:bob: look\nstill under way: a',
      steering: { held: { kind: 'paused', ...HAND }, deadline_ms: 1_600_000 },
    });
    run.answer('a/1', stepDone());
    expect(tell(run).reason).toBe('paused by user:bob: look');
    expect(run.keys()).toEqual([]);
    run.signal('resume', { ...HAND, unpause: true });
    expect(tell(run)).toMatchObject({ status: 'running', steering: { held: null } });
    expect(run.keys()).toEqual(['run/b/1']);
  });

  it('stops between undo steps, and between an undo and its check', () => {
    const undo = { rollback: anUndo([aCheck('back')]) };
    const plan = aPlan([aStep('a', 'write'), aStep('b', 'write', ['a'], undo)], [aCheck('up')]);
    const run = runByHand(plan).answer('control/1', OK).answer('a/1', stepDone()).answer('b/1', stepDone());
    calm(run.answer('after', verdict('failed')));
    calm(run.signal('pause', HAND).answer('b/rollback/1', stepDone()));
    expect(run.keys()).toEqual([]);
    calm(run.signal('resume', { ...HAND, unpause: true }));
    expect(run.waiting('verify_rollback').input).toMatchObject({ step_id: 'b' });
    calm(run.signal('pause', HAND).answer('verify_rollback', verdict('passed')));
    expect(run.keys()).toEqual([]);
    calm(run.signal('cancel'));
    expect(run.keys()).toEqual([]);
    calm(run.signal('resume', { ...HAND, unpause: true })).answer('a/rollback/1', stepDone());
    expect(resultOf(run.answer('finish/1', OK)).status).toBe('rolled_back');
  });

  it('holds a step whose precondition has just passed, and checks again before it starts', () => {
    const plan = aPlan([aStep('w', 'write', [], { preconditions: [aCheck('same')] })]);
    const run = runByHand(plan).answer('control/1', OK).signal('pause', HAND);
    calm(run);
    calm(run.answer('precondition', verdict('passed')));
    expect(run.keys()).toEqual([]);
    calm(run.signal('resume', { ...HAND, unpause: true })).answer('precondition', verdict('passed'));
    expect(run.keys()).toEqual(['run/w/1']);
  });

  it('is not lifted by the end of a halt, nor by a second pause, which changes nothing', () => {
    const run = pausedInB();
    calm(run.answer('b/1', failed('halted')));
    run.signal('resume', { by: 'service:scheduler' }).signal('pause', { by: 'user:eve', reason: 'me too' });
    expect(run.keys()).toEqual([]);
    calm(run.signal('resume', { ...HAND, unpause: true }));
    expect(run.keys()).toEqual(['run/b/1/resumed/1']);
  });

  it.each(['cancel', 'revoke'])('is lifted by %s, which undoes', (signal) => {
    const run = pausedInB();
    calm(run.answer('b/1', stepDone()));
    expect(calm(run.signal(signal)).keys()).toEqual(['run/b/rollback/1']);
  });

  it('does not stop the maximum run time: a paused run rolls back when it is over', () => {
    const run = pausedInB();
    calm(run.answer('b/1', stepDone()).fire('max-run'));
    expect(run.keys()).toEqual(['run/b/rollback/1']);
    calm(run.answer('b/rollback/1', stepDone()).answer('a/rollback/1', stepDone()));
    expect(resultOf(run.answer('finish/1', OK))).toMatchObject({ status: 'rolled_back', cause: 'max_run' });
  });

  it('leaves a run that cannot begin to fail as it would', () => {
    const run = runByHand(TWO).signal('pause', HAND).answer('control/1', failed('policy_denied'));
    calm(run).answer('finish/1', OK);
    expect(resultOf(run)).toMatchObject({ status: 'failed', code: 'policy_denied' });
  });
});

describe('a step that fails while the run is paused', () => {
  it('has no consequence until a person decides; going on undoes', () => {
    const run = pausedInB();
    run.answer('b/1', failed('tool_failed'));
    const { reason, steering } = tell(run);
    expect(reason).toContain('b failed: it is tool_failed Going on undoes what was written.');
    expect(steering).toMatchObject({ stopping: false, undecided: [{ step_id: 'b' }] });
    expect(stepIn(steering, 'b')).toMatchObject({ phase: 'failed', retry: null, skip: null });
    expect(run.keys()).toEqual([]);
    calm(run.signal('resume', { ...HAND, unpause: true }));
    expect(run.keys()).toEqual(['run/a/rollback/1']);
    run.answer('a/rollback/1', stepDone()).answer('finish/1', OK);
    expect(resultOf(run)).toMatchObject({ status: 'rolled_back', cause: 'step_failed', code: 'tool_failed' });
  });

  it('is retried under a key of its own while all else stays paused', () => {
    const run = pausedInB();
    calm(run.answer('b/1', failed('tool_failed')));
    run.signal('retry', of('b')).signal('retry', of('b'));
    expect(run.keys().filter((key) => !key.includes('control'))).toEqual(['run/b/2']);
    expect(run.waiting('b/2').input).toMatchObject({ attempt: 2, direction: 'forward' });
    calm(calm(run).answer('b/2', stepDone()));
    expect(run.keys()).toEqual([]);
    calm(run.signal('resume', { ...HAND, unpause: true })).answer('after', verdict('passed'));
    expect(resultOf(run.answer('finish/1', OK))).toMatchObject({
      status: 'succeeded',
      steps: [{ attempts: 1 }, { attempts: 2 }],
    });
  });

  it('is not retried or skipped when it took effect and its check failed', () => {
    const verify = { verify: [aCheck('ok')] };
    const run = runByHand(aPlan([aStep('a', 'write', [], verify)])).answer('control/1', OK);
    calm(run.answer('a/1', stepDone()).signal('pause', HAND)).answer('verify', verdict('failed'));
    const { steering } = tell(run);
    expect(stepIn(steering, 'a')).toMatchObject({
      retry: expect.stringContaining('took effect'),
      skip: expect.stringContaining('took effect'),
    });
    run.signal('retry', of('a')).signal('skip', of('a'));
    expect(run.keys()).toEqual([]);
    expect(calm(run.signal('cancel')).keys()).toEqual(['run/a/rollback/1']);
  });

  it('had its consequence already when the pause comes later: no retry, with the reason', () => {
    const run = runByHand(TWO).answer('control/1', OK).answer('a/1', stepDone());
    calm(calm(run.answer('b/1', failed('tool_failed'))).signal('pause', HAND));
    run.answer('a/rollback/1', failed('outcome_unknown', 'unknown'));
    const { steering } = tell(run);
    expect(stepIn(steering, 'b')?.retry).toBe(
      'the rollback has begun: no step is tried again, what was written is undone',
    );
    run.signal('retry', of('b')).signal('skip', of('b'));
    expect(run.keys()).toEqual([]);
  });
});

describe('retry', () => {
  it.each([
    ['unsafe', []],
    ['convergent', ['run/a/2']],
    ['keyed', ['run/a/2']],
    ['observable', ['run/a/2']],
  ] as const)('of an unknown write that is %s starts %j', (repeat, started) => {
    const run = runByHand(aPlan([aStep('a', 'write', [], { repeat })])).answer('control/1', OK);
    run.answer('a/1', failed('outcome_unknown', 'unknown'));
    const { status, steering } = tell(run);
    expect([status, stepIn(steering, 'a')?.retry ?? '']).toEqual([
      'parked',
      started.length > 0 ? '' : expect.stringContaining('exec resolve'),
    ]);
    expect(calm(run.signal('retry', of('a'))).keys()).toEqual(started);
  });

  it('makes one more attempt at an undo that failed, paused or parked', () => {
    for (const paused of [false, true]) {
      const run = runByHand(TWO).answer('control/1', OK).answer('a/1', stepDone());
      calm(run.answer('b/1', failed('tool_failed')));
      calm(run.answer('a/rollback/1', failed('tool_failed')));
      if (paused) calm(run.signal('pause', HAND));
      calm(run.signal('retry', of('a')));
      expect(run.keys()).toEqual(['run/a/rollback/2']);
      calm(run.answer('a/rollback/2', stepDone()));
      expect(run.keys()).toEqual(paused ? [] : ['run/finish/1']);
    }
  });

  it('changes nothing for a step that runs, is done, is unknown to the plan, or while nobody holds the run', () => {
    const run = runByHand(TWO).answer('control/1', OK).answer('a/1', stepDone());
    run.signal('retry', of('b'));
    calm(run.signal('pause', HAND));
    for (const id of ['a', 'b', 'z', 'constructor']) run.signal('retry', of(id)).signal('skip', of(id));
    expect(run.keys()).toEqual(['run/b/1']);
  });

  it('is over with the maximum run time', () => {
    const run = runByHand(aPlan([aStep('a', 'write')])).answer('control/1', OK);
    calm(run.answer('a/1', failed('outcome_unknown', 'unknown')));
    run.fire('max-run');
    expect(stepIn(tell(run).steering, 'a')?.retry).toContain('maximum run time');
    expect(run.signal('retry', of('a')).keys()).toEqual([]);
  });
});

describe('skip', () => {
  it('declares a step done that has not run: dependents go on, it has no rollback, the end is marked', () => {
    const run = runByHand(
      aPlan([aStep('a', 'write'), aStep('b', 'write', ['a']), aStep('c', 'write', ['b'])], [aCheck('up')]),
    ).answer('control/1', OK);
    calm(run.signal('pause', HAND).answer('a/1', stepDone()));
    calm(run.signal('skip', of('b')).signal('resume', { ...HAND, unpause: true }));
    expect(run.keys()).toEqual(['run/c/1']);
    run.answer('c/1', stepDone());
    const good = runByHand(aPlan([aStep('r', 'read')])).answer('control/1', OK);
    calm(good.signal('pause', HAND).answer('r/1', failed('tool_failed')));
    calm(good.signal('skip', of('r')).signal('resume', { ...HAND, unpause: true })).answer('finish/1', OK);
    expect(resultOf(good)).toMatchObject({
      status: 'succeeded_with_skips',
      reason: 'Every step and check succeeded but for what was skipped: step r (user:bob: look).',
      skipped: [{ step_id: 'r', check_ids: [], ...HAND }],
      steps: [{ status: 'skipped' }],
    });
    calm(run.answer('after', verdict('failed')));
    run.answer('c/rollback/1', stepDone()).answer('a/rollback/1', stepDone()).answer('finish/1', OK);
    expect(resultOf(run)).toMatchObject({ status: 'rolled_back', steps: [{}, { status: 'skipped' }, {}] });
  });

  it('waives a check of a step that is inconclusive; the write stays to be undone', () => {
    const verify = { verify: [aCheck('ok')] };
    const run = runByHand(aPlan([aStep('a', 'write', [], verify)], [aCheck('up')])).answer('control/1', OK);
    calm(run.answer('a/1', stepDone()).answer('verify', verdict('inconclusive')));
    calm(run.signal('skip', of('a')));
    run.answer('after', verdict('passed')).answer('finish/1', OK);
    expect(resultOf(run)).toMatchObject({
      status: 'succeeded_with_skips',
      skipped: [{ step_id: 'a', check_ids: ['ok'] }],
      steps: [{ status: 'succeeded' }],
    });
  });

  it('waives final checks one by one, and asks the others again alone', () => {
    const plan = aPlan([aStep('a', 'write')], [aCheck('up'), aCheck('fast')]);
    const unclear = (): Run => {
      const run = runByHand(plan).answer('control/1', OK).answer('a/1', stepDone());
      run.answer('after/plan/up', verdict('inconclusive'));
      run.answer('after/plan/fast', verdict('inconclusive'));
      expect(tell(run).steering.skippable_checks).toEqual(['up', 'fast']);
      run.signal('skip', { ...HAND, check_id: 'up' });
      expect(tell(run)).toMatchObject({ status: 'parked', steering: { skippable_checks: ['fast'] } });
      return run;
    };
    const again = calm(unclear().signal('resume', { ...HAND, unpause: true }));
    expect(again.waiting('checks').input).toMatchObject({ check_id: 'fast' });
    again.answer('after', verdict('passed')).answer('finish/1', OK);
    const both = calm(unclear().signal('skip', { ...HAND, check_id: 'fast' })).answer('finish/1', OK);
    for (const run of [again, both]) expect(resultOf(run).status).toBe('succeeded_with_skips');
  });

  it('is refused for what others bind to, for what is unknown, and for what must be seen failing first', () => {
    const bounds = { type: 'integer' as const, min: 0, max: 9 };
    const bound = {
      call: {
        ...aStep('x', 'read').call,
        bindings: [{ from_step: 'r', pointer: '/x', from_pointer: '/x', bounds }],
      },
    };
    const run = runByHand(aPlan([aStep('r', 'read'), aStep('c', 'read', ['r'], bound)]));
    run.answer('control/1', OK);
    calm(run.signal('pause', HAND)).answer('r/1', failed('tool_failed'));
    expect(stepIn(tell(run).steering, 'r')?.skip).toContain('take its output');
    calm(run.signal('skip', of('r')).signal('resume', { ...HAND, unpause: true })).answer('finish/1', OK);
    expect(resultOf(run).status).toBe('failed');

    const before = runByHand(aPlan([aStep('w', 'write')], [aCheck('up', { must_fail_before: true })]));
    before.answer('control/1', OK).answer('before', verdict('inconclusive'));
    expect(tell(before).steering.skippable_checks).toEqual([]);
    expect(calm(before.signal('skip', { ...HAND, check_id: 'up' })).keys()).toEqual([]);

    const unknown = runByHand(aPlan([aStep('w', 'write')])).answer('control/1', OK);
    unknown.answer('w/1', failed('outcome_unknown', 'unknown'));
    expect(stepIn(tell(unknown).steering, 'w')?.skip).toContain('exec resolve');
    expect(unknown.signal('skip', of('w')).keys()).toEqual([]);
  });

  it('ends the wait for another attempt', () => {
    const retry = {
      max_attempts: 3,
      backoff_ms: 10,
      factor: 2,
      max_backoff_ms: 50,
      on: ['transient' as const],
    };
    const run = runByHand(aPlan([aStep('r', 'read', [], { retry })])).answer('control/1', OK);
    run.answer('r/1', failed('unavailable', 'transient')).signal('pause', HAND);
    calm(calm(run).signal('skip', of('r')));
    expect([...run.timers.keys()]).toEqual(['run/max-run']);
  });
});

describe('takeover', () => {
  /** Taken over after `a`, with `b` under way until it failed. */
  function takenOver(): Run {
    const run = runByHand(TWO).answer('control/1', OK).answer('a/1', stepDone()).signal('takeover', HAND);
    expect(tell(run)).toMatchObject({
      status: 'paused',
      reason: 'being taken over by user:bob: look\nstill under way: b',
    });
    run.answer('b/1', failed('tool_failed'));
    expect(tell(run)).toMatchObject({ status: 'taken_over', steering: { held: { kind: 'taken_over' } } });
    return run;
  }

  it('starts nothing, forward or back, whatever comes', () => {
    const run = takenOver();
    run
      .signal('resume', { ...HAND, unpause: true })
      .signal('retry', of('b'))
      .signal('pause', HAND);
    calm(calm(run.signal('cancel')).signal('revoke').signal('resume'));
    expect(run.keys()).toEqual([]);
    expect(calm(run.signal('handback', HAND)).keys()).toEqual(['run/a/rollback/1']);
    const late = takenOver();
    calm(late.fire('max-run'));
    expect(late.keys()).toEqual([]);
    calm(late.signal('skip', of('b')).signal('handback', HAND));
    expect(late.keys()).toEqual(['run/checks/after/plan/up/'.concat(String(lastNumber(late)))]);
  });

  it('goes on from where it was when it is handed back after what failed was done by hand', () => {
    const run = calm(takenOver().signal('skip', of('b')));
    calm(run.signal('handback', HAND)).answer('after', verdict('passed')).answer('finish/1', OK);
    expect(resultOf(run)).toMatchObject({ status: 'succeeded_with_skips', skipped: [{ step_id: 'b' }] });
  });

  it.each([
    ['succeeded', 'succeeded_with_skips'],
    ['rolled_back', 'rolled_back'],
    ['failed', 'failed'],
  ] as const)('ends as %s by a person’s word, once, and marked', (as, status) => {
    const run = takenOver()
      .signal('finish_by_hand', { ...HAND, as })
      .signal('handback', HAND);
    run.signal('finish_by_hand', { ...HAND, as: 'failed' }).answer('finish/1', OK);
    expect(resultOf(run)).toMatchObject({
      status,
      cause: 'by_hand',
      reason: `Finished by hand by user:bob as ${as}: look`,
    });
    expect(resultOf(run).skipped?.map(({ step_id }) => step_id)).toEqual(
      as === 'succeeded' ? ['b', null] : undefined,
    );
    expect(run.timers.size).toBe(0);
  });

  it('is not ended by hand before it was taken over', () => {
    const run = pausedInB()
      .signal('finish_by_hand', { ...HAND, as: 'failed' })
      .signal('handback', HAND);
    expect(calm(run).keys()).toEqual(['run/b/1']);
  });

  it('follows a pause, and awaits a write under way before it ends by hand', () => {
    const run = calm(pausedInB().signal('takeover', { by: 'user:eve', reason: 'mine' }));
    calm(run.signal('finish_by_hand', { by: 'user:eve', reason: 'done', as: 'failed' }));
    expect(run.keys()).toEqual(['run/b/1']);
    run.answer('b/1', stepDone());
    expect(run.waiting('transition').input).toMatchObject({ status: 'taken_over' });
    expect(calm(run).keys()).toEqual(['run/finish/1']);
  });
});

function lastNumber(run: Run): number {
  return Math.max(...run.keys().map((key) => Number(key.split('/').at(-1))));
}
