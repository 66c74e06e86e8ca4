import { describe, expect, it } from 'vitest';
import { failed, OK, resultOf, runByHand, stepDone, verdict } from './testing/hand-driven.ts';
import { aCheck, aPlan, anUndo, aStep } from './testing/plan-fixtures.ts';

const verified = { verify: [aCheck('ok')] };

describe('a run that needs a person', () => {
  it('parks when the check of a step is inconclusive, and asks it again for samples newer than the step', () => {
    const run = runByHand(aPlan([aStep('w', 'write', [], verified), aStep('z', 'read', ['w'])]));
    run.answer('control/1', OK).answer('w/1', stepDone(7_000_000));
    expect(run.waiting('verify').input).toMatchObject({ newer_than_ms: 7_000_000, step_id: 'w' });
    run.answer('verify', verdict('inconclusive')).answer('transition', OK);
    expect(run.keys()).toEqual([]);
    run.signal('resume');
    expect(run.waiting('verify').input).toMatchObject({ newer_than_ms: 7_000_000 });
    run.answer('transition', OK).answer('verify', verdict('passed'));
    expect(run.keys()).toEqual(['run/z/1']);
  });

  it('undoes a write whose check is inconclusive when the person cancels', () => {
    const run = runByHand(aPlan([aStep('w', 'write', [], verified)]));
    run.answer('control/1', OK).answer('w/1', stepDone()).answer('verify', verdict('inconclusive'));
    run.answer('transition', OK).signal('cancel').answer('transition', OK);
    run.answer('w/rollback/1', stepDone()).answer('finish/1', OK);
    expect(resultOf(run)).toMatchObject({ status: 'cancelled', steps: [{ status: 'rolled_back' }] });
  });

  it('parks when a precondition is inconclusive, and makes the same attempt on resume', () => {
    const step = aStep('w', 'write', [], { preconditions: [aCheck('same')] });
    const run = runByHand(aPlan([step]));
    run.answer('control/1', OK).answer('precondition', verdict('inconclusive')).answer('transition', OK);
    expect(run.keys()).toEqual([]);
    run.signal('resume').answer('transition', OK).answer('precondition', verdict('passed'));
    expect(run.keys()).toEqual(['run/w/1']);
  });

  it.each(['failed', 'inconclusive'] as const)(
    'parks an undo whose check is %s, until it passes or a person vouches for it',
    (said) => {
      const steps = [aStep('w', 'write', [], { rollback: anUndo([aCheck('back')]) })];
      const parked = (): ReturnType<typeof runByHand> => {
        const run = runByHand(aPlan(steps, [aCheck('up')]));
        run.answer('control/1', OK).answer('w/1', stepDone()).answer('after', verdict('failed'));
        run.answer('transition', OK).answer('w/rollback/1', stepDone());
        return run.answer('verify_rollback', verdict(said)).answer('transition', OK);
      };
      expect(parked().keys()).toEqual([]);
      const again = parked().signal('resume').answer('verify_rollback', verdict('passed'));
      const word = { step_id: 'w', by: 'user:bob', reason: 'I looked' };
      const vouched = parked().signal('resolve_unknown', { ...word, outcome: 'done' });
      for (const run of [again, vouched]) {
        run.answer('transition', OK).answer('finish/1', OK);
        expect(resultOf(run).status).toBe('rolled_back');
      }
      const repeated = parked().signal('resolve_unknown', { step_id: 'w', outcome: 'not_done' });
      expect(repeated.answer('transition', OK).keys()).toEqual(['run/w/rollback/2']);
    },
  );

  it('stays parked on an impossible undo while the person says only that it is not done', () => {
    const impossible = { rollback: { kind: 'impossible' as const, reason: 'mail was sent' } };
    const run = runByHand(aPlan([aStep('w', 'write', [], impossible)], [aCheck('up')]));
    run.answer('control/1', OK).answer('w/1', stepDone()).answer('after', verdict('failed'));
    run.answer('transition', OK).answer('transition', OK);
    run.signal('resolve_unknown', { step_id: 'w', outcome: 'not_done' });
    run.signal('resolve_unknown', { step_id: 'other', outcome: 'done' });
    run.signal('resolve_unknown', { step_id: 'w', outcome: 'perhaps' });
    expect([run.keys(), run.result]).toEqual([[], undefined]);
  });

  it('keeps an undo with an unknown effect parked, and believes the person', () => {
    const run = runByHand(aPlan([aStep('w', 'write')], [aCheck('up')]));
    run.answer('control/1', OK).answer('w/1', stepDone()).answer('after', verdict('failed'));
    run
      .answer('transition', OK)
      .answer('w/rollback/1', failed('outcome_unknown', 'unknown'))
      .answer('transition', OK);
    run.signal('resume').signal('cancel');
    expect(run.keys()).toEqual([]);
    run
      .signal('resolve_unknown', { step_id: 'w', outcome: 'done' })
      .answer('transition', OK)
      .answer('finish/1', OK);
    expect(resultOf(run)).toMatchObject({ status: 'rolled_back', cause: 'check_failed' });
  });

  it('does not wait for a retry that nobody wants any more', () => {
    const retry = {
      max_attempts: 3,
      backoff_ms: 100,
      factor: 2,
      max_backoff_ms: 150,
      on: ['transient' as const],
    };
    const run = runByHand(aPlan([aStep('r', 'read', [], { retry })]));
    run.answer('control/1', OK).answer('r/1', failed('unavailable', 'transient')).signal('cancel');
    expect([run.timers.size, run.keys()]).toEqual([0, ['run/finish/1']]);
  });

  it('starts nothing in other branches while one write is unknown', () => {
    const run = runByHand(aPlan([aStep('a', 'write'), aStep('b', 'read'), aStep('c', 'write', ['b'])]));
    run.answer('control/1', OK).answer('a/1', failed('outcome_unknown', 'unknown')).answer('b/1', stepDone());
    run.answer('transition', OK);
    expect(run.keys()).toEqual([]);
    run.signal('resolve_unknown', { step_id: 'a', outcome: 'done' }).answer('transition', OK);
    expect(run.keys()).toEqual(['run/c/1']);
  });

  it('changes nothing on a signal that it does not know, or that comes when it has ended', () => {
    const run = runByHand(aPlan([aStep('r', 'read')]));
    const before = run.answer('control/1', OK).keys();
    run.signal('dance').signal('resume');
    expect(run.keys()).toEqual(before);
    run.answer('r/1', stepDone()).answer('finish/1', OK).signal('cancel');
    expect(resultOf(run).status).toBe('succeeded');
  });
});
