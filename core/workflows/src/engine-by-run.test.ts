import { AppError } from '@carapulse/kernel';
import { describe, expect, test } from 'vitest';
import type { DurableEngine, RunStatus } from './durable-engine.ts';
import { engineByRun } from './engine-by-run.ts';

/** An engine that knows some runs and tells what it was asked. */
function anEngine(known: Readonly<Record<string, RunStatus>>, closes = true) {
  const asked: string[] = [];
  const engine: DurableEngine = {
    start: async (run) => {
      asked.push(`start ${run}`);
      return 'started';
    },
    signal: async (run, id) => void asked.push(`signal ${run} ${id}`),
    status: async (run) => known[run] ?? { kind: 'absent' },
    history: async (run) => {
      asked.push(`history ${run}`);
      return null;
    },
    wait: async (run) => {
      asked.push(`wait ${run}`);
      return known[run] ?? { kind: 'absent' };
    },
    recover: async () => ({ resumed: Object.keys(known).length, stuck: 1 }),
    close: async () => {
      asked.push('close');
      if (!closes) throw new AppError('internal', 'it does not close');
    },
  };
  return { engine, asked };
}

describe('engines by run', () => {
  const running: RunStatus = { kind: 'running' };

  test('a new run goes to the chosen engine; one that another has started stays there', async () => {
    const chosen = anEngine({});
    const other = anEngine({ old: running });
    const engine = engineByRun([chosen.engine, other.engine]);
    expect(await engine.start('new', 'plan', {})).toBe('started');
    expect(await engine.start('old', 'plan', {})).toBe('exists');
    await engine.signal('old', 's1', 'cancel', {});
    await engine.signal('new', 's2', 'cancel', {});
    expect(await engine.wait('old', AbortSignal.abort())).toEqual(running);
    expect(chosen.asked).toEqual(['start new', 'signal new s2']);
    expect(other.asked).toEqual(['signal old s1', 'wait old']);
  });

  test('the status is that of the engine which knows the run, also when it has ended there', async () => {
    const ended: RunStatus = { kind: 'ended', result: { status: 'succeeded' } };
    const engine = engineByRun([anEngine({}).engine, anEngine({ old: ended }).engine]);
    expect(await engine.status('old')).toEqual(ended);
    expect(await engine.status('none')).toEqual({ kind: 'absent' });
    expect(await engine.start('old', 'plan', {})).toBe('exists');
  });

  test('while an engine does not answer, runs of the others go on and no other run is guessed about', async () => {
    const away = new AppError('unavailable', 'it does not answer', { retryable: true });
    const chosen = anEngine({});
    const silent = { ...chosen.engine, status: () => Promise.reject(away) };
    const other = anEngine({ old: running });
    const engine = engineByRun([silent, other.engine]);
    await engine.signal('old', 's1', 'cancel', {});
    expect(await engine.status('old')).toEqual(running);
    await expect(engine.start('new', 'plan', {})).rejects.toBe(away);
    await expect(engine.signal('new', 's2', 'cancel', {})).rejects.toBe(away);
    expect([chosen.asked, other.asked]).toEqual([[], ['signal old s1']]);
  });

  test('it is well when each that can tell is', async () => {
    const fault = new AppError('unavailable', 'it does not answer');
    const well = { ...anEngine({}).engine, check: async () => undefined };
    const ill = { ...anEngine({}).engine, check: () => Promise.reject(fault) };
    const signal = new AbortController().signal;
    await expect(engineByRun([well, anEngine({}).engine]).check?.(signal)).resolves.toBeUndefined();
    await expect(engineByRun([well, ill]).check?.(signal)).rejects.toBe(fault);
  });

  test('the history is asked of the engine that knows the run', async () => {
    const chosen = anEngine({});
    const other = anEngine({ old: running });
    await engineByRun([chosen.engine, other.engine]).history('old');
    expect([chosen.asked, other.asked]).toEqual([[], ['history old']]);
  });

  test('all are recovered, and all are closed even when one fails to', async () => {
    const chosen = anEngine({ a: running }, false);
    const other = anEngine({ b: running, c: running });
    const engine = engineByRun([chosen.engine, other.engine]);
    expect(await engine.recover()).toEqual({ resumed: 3, stuck: 2 });
    await expect(engine.close(1)).rejects.toThrow('it does not close');
    expect([chosen.asked, other.asked]).toEqual([['close'], ['close']]);
  });
});
