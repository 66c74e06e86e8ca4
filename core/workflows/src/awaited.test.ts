import { describe, expect, it } from 'vitest';
import { Awaited } from './awaited.ts';
import type { ChildOutcome, RunCommand, RunEvent } from './durable-engine.ts';
import { patchedOf } from './patched-of.ts';
import { RunSnapshot } from './run-snapshot.ts';
import { probeMachine, PROBE_PATCH } from './testing/probe-machine.ts';

const activity: RunCommand = { kind: 'activity', key: 'a', name: 'work', input: {}, timeoutMs: 1 };
const timer: RunCommand = { kind: 'timer', key: 't', dueAtMs: 5 };
const child: RunCommand = { kind: 'child', key: 'c', machine: 'm', input: {} };
const cancel = (key: string): RunCommand => ({ kind: 'cancel', key });
const answer = (key: string): RunEvent => ({
  kind: 'activity',
  key,
  outcome: { kind: 'ok', output: {} },
  atMs: 1,
});
const fired: RunEvent = { kind: 'timer', key: 't', atMs: 1 };
const news = (kind: ChildOutcome['kind']): RunEvent => ({
  kind: 'child',
  key: 'c',
  outcome: kind === 'ended' ? { kind, result: {} } : { kind, reason: 'no' },
  atMs: 1,
});

function asked(...commands: readonly RunCommand[]): Awaited {
  const awaited = new Awaited(null);
  awaited.take(commands);
  return awaited;
}

describe('what a run awaits', () => {
  it('is an activity until its outcome, a cancelled one too, and a timer until it is cancelled', () => {
    const awaited = asked(activity, timer, cancel('a'), cancel('t'));
    expect(awaited.settle(fired)).toBe(false);
    expect([...awaited.cancelled]).toEqual(['a']);
    expect(awaited.faultOf(answer('a'))).toBeNull();
    expect(awaited.settle(answer('a'))).toBe(true);
    expect(awaited.cancelled.size).toBe(0);
    expect(awaited.settle(answer('a'))).toBe(false);
    expect(awaited.faultOf(answer('a'))).toMatch(/^answers a, for which/);
    expect(awaited.faultOf({ ...fired, key: 'other' })).toMatch(/^is the timer other/);
  });

  it('is a child until its end, which is told to be stuck once before', () => {
    const awaited = asked(child);
    expect(
      [news('stuck'), news('stuck'), news('ended'), news('ended')].map((each) => awaited.settle(each)),
    ).toEqual([true, false, true, false]);
    expect(awaited.faultOf(news('ended'))).toMatch(/^tells of the child c, which/);
  });

  it('is the same after it went through a snapshot', () => {
    const awaited = asked(activity, timer, child, { ...activity, key: 'b' }, cancel('a'), cancel('c'));
    awaited.settle(news('stuck'));
    const taken = { state: { n: 1 }, heardMs: 1, ...awaited.snapshot() };
    const read = new Awaited(RunSnapshot.parse(JSON.parse(JSON.stringify(taken))));
    expect(read.snapshot()).toEqual(awaited.snapshot());
    expect(read.settle(news('stuck'))).toBe(false);
    expect([...read.cancelled]).toEqual(['a', 'c']);
    expect(() => read.take([activity])).toThrow('asked for a twice');
  });

  it('refuses what is asked for twice', () => {
    expect(() => asked(activity, timer, { ...timer, key: 'a' })).toThrow('asked for a twice');
  });
});

describe('a patch', () => {
  const known = probeMachine(undefined, 1, [PROBE_PATCH]);

  it('holds for a run that was started with it, and for no other', () => {
    expect(patchedOf(known, [PROBE_PATCH])(PROBE_PATCH)).toBe(true);
    expect(patchedOf(known, undefined)(PROBE_PATCH)).toBe(false);
  });

  it('is refused by a build that lacks it, and by a machine that does not name it', () => {
    expect(() => patchedOf(probeMachine(), [PROBE_PATCH])).toThrow(/the patch one more of machine probe/);
    expect(() => patchedOf(known)('other')).toThrow(/asks for the patch other/);
  });
});
