import { testPlan } from '@carapulse/approval/testing';
import type { NamedCall } from '@carapulse/tools';
import { expect, it } from 'vitest';
import type { StepRecord } from '../ports/index.ts';
import { steeredRun } from '../testing/index.ts';
import { remainingCommands } from './remaining-commands.ts';

const [only] = testPlan().steps;
if (only === undefined) throw new Error('the plan has no step');
const undo = (word: string) => ({
  kind: 'call' as const,
  call: { ...only.call, action: 'undo', input: { word } },
  repeat: 'convergent' as const,
  effects: [],
  verify: [],
  timeout_ms: 1000,
});
const step = (step_id: string, change: Partial<typeof only> = {}) => ({
  ...only,
  step_id,
  title: `Write ${step_id}`,
  commands: [`note write ${step_id}`],
  rollback: undo(step_id),
  ...change,
});
const plan = {
  ...testPlan(),
  steps: [step('a'), step('b'), step('c'), step('d', { depends_on: ['b'], commands: ['echo \u001b[2K'] })],
};

async function lines(rows: Readonly<Record<string, [StepRecord['status'], string]>>, known = true) {
  const { harness, id } = await steeredRun('taken_over');
  const execution = await harness.store.read.execution('acme', id);
  if (execution === null) throw new Error('there is no execution');
  const records = Object.entries(rows).map(([step_id, [status, at]]) => ({
    execution_id: id,
    step_id,
    status,
    attempts: 1,
    started_at: at,
    ended_at: at,
    detail: '',
    evidence_id: null,
    retry_at: null,
  }));
  const describe = async ({ input }: NamedCall) => ({
    kind: 'write' as const,
    repeat: 'convergent' as const,
    definitionDigest: '',
    input,
    effects: [],
    commands: [`note undo ${JSON.stringify(input)}`],
  });
  const catalogue = { describe: known ? describe : async () => null };
  const { signal } = new AbortController();
  return (await remainingCommands(plan, execution, records, catalogue, signal)).slice(1);
}

it('prints what is left in order, then the undo of what was written, last written first', async () => {
  const rows = {
    a: ['succeeded', '2026-01-01T00:00:01Z'],
    c: ['outcome_unknown', '2026-01-01T00:00:02Z'],
  } as const;
  expect(await lines({ a: [...rows.a], c: [...rows.c] })).toEqual([
    '# forward:',
    '# write b (not begun): Write b',
    'note write b',
    '# write c (outcome_unknown): Write c',
    'note write c',
    '# write d (not begun): Write d',
    '# not safe to paste: echo \\u{1b}[2K',
    '# back, last written first:',
    '# undo of c (outcome_unknown): Write c',
    'note undo {"word":"c"}',
    '# undo of a (succeeded): Write a',
    'note undo {"word":"a"}',
  ]);
});

it('shows the call where no command line is known, and says when nothing is left either way', async () => {
  expect((await lines({ a: ['succeeded', 't'] }, false)).at(-1)).toBe(
    '# no command line is known for note.undo of {"word":"a"}',
  );
  const gone = await lines({
    a: ['rolled_back', 't'],
    b: ['skipped', 't'],
    c: ['rolled_back', 't'],
    d: ['skipped', 't'],
  });
  expect(gone).toEqual(['# forward: nothing is left', '# back: nothing was written']);
});
