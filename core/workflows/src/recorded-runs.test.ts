import { readFileSync } from 'node:fs';
import { canonicalHash, type JsonObject } from '@carapulse/kernel';
import { describe, expect, it } from 'vitest';
import type { RunCommand, RunEvent } from './durable-engine.ts';
import { planMachine } from './interpreter.ts';
import { throughJson } from './testing/hand-driven.ts';

/** Runs recorded by the first interpreter, which knew cancel, revoke, resume and resolve alone. */
const [head = '', ...lines] = readFileSync(new URL('./testing/recorded-runs.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n');
const { plans } = JSON.parse(head) as { readonly plans: readonly JsonObject[] };

interface Recorded {
  readonly plan: number;
  readonly journal: readonly RunEvent[];
  readonly turns: readonly (readonly string[])[];
  readonly result: JsonObject | null;
}
const runs = lines.map((line) => JSON.parse(line) as Recorded);

/** One command as it was recorded. What people are told besides the status is new and leads nowhere else. */
function shown(command: RunCommand): string {
  if (command.kind === 'cancel') return `cancel ${command.key}`;
  if (command.kind === 'timer') return `timer ${command.key} ${command.dueAtMs}`;
  if (command.kind === 'child') throw new Error('A plan starts no child.');
  const { steering: _steering, ...input } = command.input;
  const digest = canonicalHash(input).slice(7, 23);
  return `${command.name} ${command.key} ${command.timeoutMs} ${digest}`;
}

// The inputs of recorded runs have no `telling`, as those of runs that were begun then.
function inputOf({ plan }: Recorded): JsonObject {
  const { telling: _telling, ...input } = plans[plan] ?? {};
  return input;
}

describe('a journal of the version before runs could be steered', () => {
  it('is there in every kind: with and without signals, parked, halted, undone, ended and open', () => {
    const names = runs.flatMap(({ journal }) =>
      journal.map((event) => (event.kind === 'signal' ? event.name : event.kind)),
    );
    for (const name of ['cancel', 'revoke', 'resume', 'resolve_unknown', 'timer']) {
      expect(names).toContain(name);
    }
    expect(new Set(runs.map(({ result }) => result?.['status']))).toEqual(
      new Set(['succeeded', 'failed', 'rolled_back', 'cancelled', undefined]),
    );
    expect(planMachine.version).toBe(1);
  });

  it.each(runs.map((run, index) => [index + 1, run] as const))(
    'leads run %i to the same commands, turn by turn, and to the same result',
    (_, run) => {
      let turn = planMachine.start(inputOf(run), 'run', 1_000_000, () => false);
      const turns = [turn.commands.map(shown)];
      for (const event of run.journal) {
        turn = planMachine.react(throughJson(turn.state), event);
        turns.push(turn.commands.map(shown));
      }
      expect(turns).toEqual(run.turns);
      expect(turn.result ?? null).toEqual(run.result);
    },
  );

  it('lets a run that was left open by it be paused, and go on', () => {
    const open = runs.find(({ result }) => result === null);
    if (open === undefined) throw new Error('no run was left open');
    let turn = planMachine.start(inputOf(open), 'run', 1_000_000, () => false);
    for (const event of open.journal) turn = planMachine.react(turn.state, event);
    const atMs = 2_000_000;
    const payload = { by: 'user:bob', reason: 'look' };
    turn = planMachine.react(turn.state, { kind: 'signal', name: 'pause', payload, atMs });
    const told = turn.commands.map((command) => command.kind === 'activity' && command.input['status']);
    expect(told).toEqual(['paused']);
  });
});
