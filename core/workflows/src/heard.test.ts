import type { JsonObject } from '@carapulse/kernel';
import { describe, expect, it } from 'vitest';
import {
  readCheckOutput,
  readResolveUnknown,
  readRunInput,
  readSaid,
  readSaidOfEnd,
  readSaidOfSkip,
  readSaidOfStep,
  readStepOutput,
  readUnpause,
} from './heard.ts';

const CHECKED = { verdict: 'failed', reason: 'no', samples: [{ at_ms: 1, verdict: 'failed', detail: 'x' }] };
const STEPPED = { output: { ok: true }, evidence_id: null, effect_at_ms: 5 };
const SAID = { by: 'user:bob', reason: 'I looked' };
const NOTHING = null as unknown as JsonObject;

describe('an answer', () => {
  it('of its form is read as it is', () => {
    expect(readCheckOutput(CHECKED)).toEqual(CHECKED);
    expect(readStepOutput(STEPPED)).toEqual(STEPPED);
    expect(readStepOutput({ output: {}, evidence_id: 'ev_1', effect_at_ms: null })).not.toBeNull();
  });

  it.each<JsonObject>([
    { ...CHECKED, verdict: 'maybe' },
    { ...CHECKED, verdict: ['failed'] },
    { ...CHECKED, reason: 'x'.repeat(2001) },
    { ...CHECKED, more: 1 },
    { ...CHECKED, samples: {} },
    { ...CHECKED, samples: [null] },
    { ...CHECKED, samples: [{ at_ms: -1, verdict: '', detail: '' }] },
    { ...CHECKED, samples: [{ at_ms: 1.5, verdict: '', detail: '' }] },
    { ...CHECKED, samples: [{ at_ms: 1, verdict: '', detail: '', more: 1 }] },
    { ...CHECKED, samples: Array.from({ length: 101 }, () => ({ at_ms: 1, verdict: '', detail: '' })) },
    { verdict: 'passed', reason: '' },
    NOTHING,
  ])('of a check is refused in another form: %#', (answer) => {
    expect(readCheckOutput(answer)).toBeNull();
  });

  it.each<JsonObject>([
    { ...STEPPED, output: null },
    { ...STEPPED, output: [] },
    { ...STEPPED, evidence_id: 1 },
    { ...STEPPED, effect_at_ms: 2 ** 53 },
    { ...STEPPED, more: 1 },
    { output: {}, effect_at_ms: null },
    NOTHING,
  ])('of a step is refused in another form: %#', (answer) => {
    expect(readStepOutput(answer)).toBeNull();
  });

  it('is measured in code points, not in the units of its encoding', () => {
    expect(readCheckOutput({ ...CHECKED, reason: '🦆'.repeat(2000) })).not.toBeNull();
    expect(readCheckOutput({ ...CHECKED, reason: '🦆'.repeat(2001) })).toBeNull();
  });
});

describe('a signal', () => {
  it('is read, and what is not known in it passed by', () => {
    expect(readSaid({ ...SAID, more: 1 })).toEqual(SAID);
    expect(readSaidOfStep({ ...SAID, step_id: 's' })).toEqual({ ...SAID, step_id: 's' });
    expect(readSaidOfSkip({ ...SAID, check_id: 'c', more: 1 })).toEqual({ ...SAID, check_id: 'c' });
    expect(readSaidOfEnd({ ...SAID, as: 'failed' })).toEqual({ ...SAID, as: 'failed' });
    expect(readResolveUnknown({ ...SAID, step_id: 's', outcome: 'done' })).toEqual({
      step_id: 's',
      outcome: 'done',
    });
    expect([readUnpause({ unpause: true }), readUnpause({ unpause: 'true' }), readUnpause({})]).toEqual([
      true,
      false,
      false,
    ]);
  });

  it('that says less than it must is none', () => {
    expect(readSaid({ by: '', reason: '' })).toBeNull();
    expect(readSaid({ by: 'user:bob' })).toBeNull();
    expect(readSaidOfStep(SAID)).toBeNull();
    expect(readSaidOfSkip({ ...SAID, step_id: 1 })).toBeNull();
    expect(readSaidOfEnd({ ...SAID, as: 'cancelled' })).toBeNull();
    expect(readResolveUnknown({ step_id: 's', outcome: 'maybe' })).toBeNull();
  });
});

it.each<JsonObject>([
  {},
  { execution_id: 'ex_1', plan: { steps: [] } },
  { execution_id: 'ex_1', plan: { steps: [1], checks: [] } },
  { execution_id: '', plan: { steps: [], checks: [] } },
  { execution_id: 'ex_1', plan: { steps: [], checks: [] }, telling: false },
  { execution_id: 'ex_1', plan: { steps: [], checks: [] }, more: 1 },
])('what is no input of a run is refused: %#', (input) => {
  expect(() => readRunInput(input)).toThrow('not of its form');
});
