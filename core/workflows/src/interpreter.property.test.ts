import type { Plan } from '@carapulse/plan';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import type { ActivityOutcome } from './durable-engine.ts';
import { planMachine, planRunInput } from './interpreter.ts';
import type { HandDriven } from './testing/hand-driven.ts';
import {
  failed,
  OK,
  replay,
  resultOf,
  runByHand,
  stepDone,
  throughJson,
  verdict,
} from './testing/hand-driven.ts';
import { aCheck, aPlan, aStep, anUndo } from './testing/plan-fixtures.ts';
import { ReferenceScheduler } from './testing/reference-scheduler.ts';

interface Shape {
  readonly kind: 'read' | 'write';
  readonly after: readonly boolean[];
  readonly undo: 'call' | 'none';
  readonly verified: boolean;
}

const shape: fc.Arbitrary<Shape> = fc.record({
  kind: fc.constantFrom('read', 'write'),
  after: fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }),
  undo: fc.constantFrom('call', 'call', 'none'),
  verified: fc.boolean(),
});

const retry = { max_attempts: 3, backoff_ms: 10, factor: 2, max_backoff_ms: 100, on: ['transient' as const] };

function planOf(shapes: readonly Shape[]): Plan {
  return aPlan(
    shapes.map(({ kind, after, undo, verified }, index) =>
      aStep(
        `s${index}`,
        kind,
        after.flatMap((yes, other) => (yes && other < index ? [`s${other}`] : [])),
        {
          retry,
          verify: verified ? [aCheck('v')] : [],
          ...(kind === 'write'
            ? { rollback: undo === 'call' ? anUndo() : { kind: 'none', reason: 'nothing' } }
            : {}),
        },
      ),
    ),
    [aCheck('end')],
  );
}

function outcomeOf(key: string, luck: number): ActivityOutcome {
  if (key.includes('/checks/')) return verdict(luck < 12 ? 'failed' : 'passed');
  if (key.includes('/control/') || key.includes('/finish/')) return OK;
  if (key.includes('/rollback/')) return stepDone();
  if (luck < 8) return failed('tool_failed', 'permanent');
  return luck < 25 ? failed('unavailable', 'transient') : stepDone();
}

function play(
  plan: Plan,
  luck: readonly number[],
  cancelAt: number | null,
): [HandDriven<unknown>, ReferenceScheduler] {
  const run = runByHand(plan);
  const reference = new ReferenceScheduler(plan);
  let seen = 0;
  const look = (): void => {
    for (const commands of run.turns.slice(seen)) {
      const asked = commands.filter((command) => command.kind === 'activity').map(({ key }) => key);
      for (const key of asked) {
        reference.mayAsk(
          key,
          run.keys().filter((other) => other !== key),
        );
      }
    }
    seen = run.turns.length;
  };
  look();
  for (let turn = 0; run.result === undefined; turn += 1) {
    if (turn > 500) throw new Error(`the run does not end; it awaits ${run.keys().join(', ')}`);
    if (turn === cancelAt) {
      if (!run.keys().some((key) => key.includes('/finish/'))) reference.stopped = true;
      run.signal('cancel');
      look();
      continue;
    }
    const roll = luck[turn % luck.length] ?? 0;
    const timers = [...run.timers.keys()].filter((key) => !key.endsWith('max-run'));
    const choices = [...run.keys(), ...timers];
    const chosen = choices[roll % choices.length];
    if (chosen === undefined) throw new Error('the run awaits nothing and has not ended');
    if (run.timers.has(chosen)) {
      run.fire(chosen);
    } else {
      const outcome = run.aborted.has(chosen)
        ? failed('cancelled')
        : outcomeOf(chosen, Math.floor(roll / 7) % 100);
      reference.heard(chosen, outcome);
      run.answer(chosen, outcome);
    }
    look();
  }
  return [run, reference];
}

const story = fc.record({
  shapes: fc.array(shape, { minLength: 1, maxLength: 6 }),
  luck: fc.array(fc.nat(10_000), { minLength: 8, maxLength: 40 }),
  cancelAt: fc.option(fc.nat(12)),
});

it('any plan, any outcomes, any interleaving: order, stops, compensation and result are those of the reference', () => {
  fc.assert(
    fc.property(story, ({ shapes, luck, cancelAt }) => {
      const plan = planOf(shapes);
      const [run, reference] = play(plan, luck, cancelAt);
      const result = resultOf(run);
      expect(reference.undone).toEqual(reference.stopped ? reference.toUndo() : []);
      expect(result.status === 'succeeded').toBe(!reference.stopped);
      if (!reference.stopped) expect(reference.finished.size).toBe(plan.steps.length);
      else if (result.cause !== 'cancelled') {
        expect(result.status).toBe(reference.undone.length > 0 ? 'rolled_back' : 'failed');
      }
      for (const step of result.steps) {
        expect(step.status === 'rolled_back').toBe(reference.undone.includes(step.step_id));
      }
    }),
    { numRuns: 400 },
  );
});

it('hearing any prefix of a journal again asks for the same, command by command', () => {
  fc.assert(
    fc.property(story, fc.nat(1000), ({ shapes, luck, cancelAt }, cut) => {
      const plan = planOf(shapes);
      const [run] = play(plan, luck, cancelAt);
      const input = planRunInput('run', plan);
      const length = cut % (run.journal.length + 1);
      const again = replay(planMachine, input, 1_000_000, throughJson(run.journal.slice(0, length)));
      const first = replay(planMachine, input, 1_000_000, run.journal);
      expect(again).toEqual(first.slice(0, length + 1));
      expect(again.map((text) => JSON.parse(text) as unknown)).toEqual(
        throughJson(run.turns.slice(0, length + 1)),
      );
    }),
    { numRuns: 150 },
  );
});
