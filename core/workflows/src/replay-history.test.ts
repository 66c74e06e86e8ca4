import { describe, expect, it } from 'vitest';
import type { Machine, RunEvent } from './durable-engine.ts';
import { planRunInput } from './heard.ts';
import { planMachine } from './interpreter.ts';
import { replayHistory } from './replay-history.ts';
import type { EmbeddedHistory } from './run-history.ts';
import { parseRunHistory } from './run-history.ts';
import { failed, HandDriven, OK, stepDone, throughJson } from './testing/hand-driven.ts';
import { aPlan, aStep } from './testing/plan-fixtures.ts';

const retry = {
  max_attempts: 2,
  backoff_ms: 100,
  factor: 2,
  max_backoff_ms: 1000,
  on: ['transient' as const],
};
const input = planRunInput('run', aPlan([aStep('a', 'write', [], { retry }), aStep('b', 'write', ['a'])]));

/** A run whose first attempt fails and whose second succeeds. */
function recorded(change: Partial<EmbeddedHistory> = {}): EmbeddedHistory {
  const run = new HandDriven(planMachine, input);
  run.answer('begin', OK).answer('a/1', failed('unavailable', 'transient')).fire('a/');
  run.answer('a/2', stepDone(1)).answer('b/1', stepDone(2)).answer('finish', OK);
  return {
    format: 1,
    engine: 'embedded',
    run_id: 'run',
    machine: 'plan',
    version: 1,
    input,
    started_at_ms: 1_000_000,
    events: run.journal,
    result: run.result ?? null,
    ...change,
  };
}

const history = recorded();
const machines = [planMachine as Machine<unknown>];
const reasonOf = (change: Partial<EmbeddedHistory>): string => {
  const verdict = replayHistory(machines, { ...history, ...change });
  return verdict.kind === 'differs' ? verdict.reason : verdict.kind;
};
const moved = (from: number, to: number): RunEvent[] => {
  const events = [...history.events];
  events.splice(to, 0, ...events.splice(from, 1));
  return events;
};

describe('a replayed history', () => {
  it('is the same for the code that made it, ended or not', () => {
    expect(replayHistory(machines, history)).toEqual({ kind: 'same', events: 6, ended: 'succeeded' });
    const open = { ...history, events: history.events.slice(0, 3), result: null };
    expect(replayHistory(machines, open)).toEqual({ kind: 'same', events: 3, ended: null });
  });

  it('differs at the first answer that was not asked for there', () => {
    expect(reasonOf({ events: moved(4, 3) })).toBe(
      'event 4 answers run/b/1, for which this build did not ask there.',
    );
    expect(reasonOf({ events: history.events.toSpliced(2, 0, history.events[1] as RunEvent) })).toBe(
      'event 3 answers run/a/1, for which this build did not ask there.',
    );
  });

  it('differs at a timer that was never armed, and at what comes after the end', () => {
    const timer: RunEvent = { kind: 'timer', key: 'run/other', atMs: 1_000_001 };
    expect(reasonOf({ events: [timer] })).toBe(
      'event 1 is the timer run/other, which this build had not armed.',
    );
    const late: RunEvent = { kind: 'signal', name: 'cancel', payload: {}, atMs: 9_000_000 };
    expect(reasonOf({ events: [...history.events, late] })).toBe(
      'event 7 comes after the end in this build.',
    );
  });

  it('does not hear a timer that had been forgotten when it fired', () => {
    const machine: Machine<number> = {
      name: 'plan',
      version: 1,
      start: () => ({
        state: 0,
        commands: [
          { kind: 'timer', key: 't', dueAtMs: 1 },
          { kind: 'cancel', key: 't' },
        ],
      }),
      react: (state) => ({ state: state + 1, commands: [], result: { heard: state + 1 } }),
    };
    const events: RunEvent[] = [
      { kind: 'timer', key: 't', atMs: 1 },
      { kind: 'signal', name: 's', payload: {}, atMs: 2 },
    ];
    const verdict = replayHistory([machine], { ...history, events, result: { heard: 1 } });
    expect(verdict).toEqual({ kind: 'same', events: 2, ended: 'with a result' });
  });

  it('differs in its end', () => {
    expect(reasonOf({ result: { ...history.result, code: 'timeout' } })).toBe(
      'after event 6 the run ended succeeded; this build ends it succeeded, with another code.',
    );
    expect(reasonOf({ result: null })).toMatch(/^after event 6 this build ends the run \(succeeded\)/);
    expect(reasonOf({ events: history.events.slice(0, 5) })).toBe(
      'after event 5 the run ended succeeded; in this build it goes on.',
    );
  });

  it('is heard from its snapshot on where the beginning is not kept', () => {
    const run = new HandDriven(planMachine, input);
    run.answer('begin', OK).answer('a/1', failed('unavailable', 'transient'));
    const held = [...run.activities.values()].map((command) => ({ ...command }));
    const timers = [...run.timers.values()].map((command) => ({ ...command }));
    const state = throughJson(run.state);
    const snapshot = { seq: 2, state, heardMs: run.nowMs, held, cancelled: [], timers };
    const short = { ...history, snapshot, events: history.events.slice(2) };
    expect(parseRunHistory(JSON.stringify(short), 'run.json')).toEqual(short);
    const same = { kind: 'same', events: 4, ended: 'succeeded', after: 2 };
    expect(replayHistory(machines, short)).toEqual(same);
    expect(reasonOf({ snapshot, events: history.events.slice(3) })).toBe(
      'event 3 answers run/a/2, for which this build did not ask there.',
    );
    expect(reasonOf({ snapshot: { ...snapshot, timers: [] }, events: history.events.slice(2) })).toMatch(
      /^event 3 is the timer run\/a\//,
    );
    expect(reasonOf({ snapshot: { ...snapshot, state: {} }, events: history.events.slice(2) })).toMatch(
      /^event 3 fails in this build/,
    );
  });

  it('differs by a patch that this build lacks', () => {
    expect(reasonOf({ patches: ['louder'] })).toBe(
      'the start fails in this build: it was started with the patch louder of machine plan, which this build lacks; finish it with a build that has it.',
    );
  });

  it('differs by another version or machine, and where this build fails', () => {
    expect(reasonOf({ version: 7 })).toBe(
      'it was recorded by machine plan version 7; this build has version 1.',
    );
    expect(reasonOf({ machine: 'other' })).toBe(
      'it was recorded by machine other version 1; this build has no such machine.',
    );
    expect(reasonOf({ input: {} })).toMatch(/^the start fails in this build: The input of a plan run/);
  });
});

describe('the file of a history', () => {
  const text = (change: object): string => JSON.stringify({ ...history, ...change });

  it('is read back as it was written', () => {
    expect(parseRunHistory(text({}), 'run.json')).toEqual(history);
  });

  it.each([
    ['{', /^run\.json is not JSON/],
    [text({ more: 1 }), /^run\.json is not valid: .*more/],
    [text({ engine: 'other' }), /^run\.json is not valid at \/engine/],
    [text({ format: 2 }), /^run\.json is not valid at \/format/],
    [text({ events: [...history.events.slice(0, 2), { kind: 'timer', key: 't' }] }), /at \/events\/2\/atMs/],
  ])('is refused with the place of its fault: %.30s', (damaged, fault) => {
    expect(() => parseRunHistory(damaged, 'run.json')).toThrow(fault);
  });
});
