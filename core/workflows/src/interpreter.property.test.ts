import type { Plan } from '@carapulse/plan';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import type { ActivityOutcome } from './durable-engine.ts';
import { planRunInput } from './heard.ts';
import { planMachine } from './interpreter.ts';
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

function outcomeOf(key: string, luck: number, failing: number): ActivityOutcome {
  if (key.includes('/checks/')) return verdict(luck < 12 ? 'failed' : 'passed');
  if (key.includes('/control/') || key.includes('/finish/')) return OK;
  if (key.includes('/rollback/')) return stepDone();
  if (luck < failing) return failed('tool_failed', 'permanent');
  return luck < failing + 17 ? failed('unavailable', 'transient') : stepDone();
}

const VERBS = [
  'pause',
  'pause',
  'resume',
  'retry',
  'retry',
  'skip',
  'takeover',
  'handback',
  'finish_by_hand',
] as const;
const ENDS = ['succeeded', 'rolled_back', 'failed'] as const;
const END_STATUS = {
  succeeded: 'succeeded_with_skips',
  rolled_back: 'rolled_back',
  failed: 'failed',
} as const;

/** What is said when nothing but a person's word is awaited. */
const VERBS_OF = {
  paused: ['resume', 'retry'],
  taken_over: ['handback', 'skip', 'finish_by_hand'],
} as const;

/** What a person says at a turn, and how often each verb was heard in a whole test. */
interface Word {
  readonly at: number;
  readonly verb: (typeof VERBS)[number] | 'cancel';
  readonly about: number;
}
const heardVerbs = new Map<string, number>();

function play(
  plan: Plan,
  luck: readonly number[],
  cancelAt: number | null,
  words: readonly Word[] = [],
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
  const say = ({ verb, about }: Omit<Word, 'at'>): void => {
    const end = ENDS[about % ENDS.length] ?? 'failed';
    const id = verb === 'finish_by_hand' ? end : `s${about % plan.steps.length}`;
    if (reference.hear(verb, id, run.keys())) heardVerbs.set(verb, (heardVerbs.get(verb) ?? 0) + 1);
    const said = { by: 'user:bob', reason: 'look' };
    const more =
      verb === 'finish_by_hand' ? { as: id } : verb === 'resume' ? { unpause: true } : { step_id: id };
    run.signal(verb, { ...said, ...more });
    look();
  };
  look();
  for (let turn = 0; run.result === undefined; turn += 1) {
    if (turn > 500) throw new Error(`the run does not end; it awaits ${run.keys().join(', ')}`);
    const word = words.find(({ at }) => at === turn);
    if (turn === cancelAt || word !== undefined) {
      say(word !== undefined && turn !== cancelAt ? word : { verb: 'cancel', about: 0 });
      continue;
    }
    const roll = luck[turn % luck.length] ?? 0;
    const timers = [...run.timers.keys()].filter((key) => !key.endsWith('max-run'));
    const choices = [...run.keys(), ...timers];
    const chosen = choices[roll % choices.length];
    if (chosen === undefined) {
      if (reference.held === null) throw new Error('the run awaits nothing and has not ended');
      if (reference.ordered.size > 0) throw new Error('an attempt that was ordered is not made');
      const verbs = VERBS_OF[reference.held];
      // Some of what failed is tried again or skipped first, but not for ever.
      const failure = [...reference.withheld.keys()].find((id) => /^s\d$/.test(id));
      const about = failure === undefined ? roll : Number(failure.slice(1));
      say({ verb: verbs[turn < 150 ? roll % verbs.length : 0] ?? 'cancel', about });
      continue;
    }
    if (run.timers.has(chosen)) {
      run.fire(chosen);
    } else {
      const outcome = run.aborted.has(chosen)
        ? failed('cancelled')
        : outcomeOf(chosen, Math.floor(roll / 7) % 100, words.length > 0 ? 30 : 8);
      reference.heard(chosen, outcome);
      run.answer(chosen, outcome);
    }
    look();
  }
  return [run, reference];
}

const told = {
  shapes: fc.array(shape, { minLength: 1, maxLength: 6 }),
  luck: fc.array(fc.nat(10_000), { minLength: 8, maxLength: 40 }),
  cancelAt: fc.option(fc.nat(12)),
};
const story = fc.record(told);

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

const steered = fc.record({
  ...told,
  cancelAt: fc.option(fc.nat(30), { freq: 2 }),
  pausedAt: fc.nat(8),
  more: fc.array(fc.record({ at: fc.nat(30), verb: fc.constantFrom(...VERBS), about: fc.nat(11) }), {
    maxLength: 8,
  }),
});

it('whatever people say at whatever time: nothing starts but what the reference allows, and the end tells of it', () => {
  heardVerbs.clear();
  fc.assert(
    fc.property(steered, ({ shapes, luck, cancelAt, pausedAt, more }) => {
      const words = [...more, { at: pausedAt, verb: 'pause' as const, about: 0 }];
      const plan = planOf(shapes);
      const [run, reference] = play(plan, luck, cancelAt, words);
      const result = resultOf(run);
      for (const { step_id: id, status } of result.steps) {
        expect(status === 'rolled_back').toBe(reference.undone.includes(id));
        if (reference.waived.has(id)) expect(status).toBe('skipped');
      }
      const { byHand } = reference;
      expect(result.cause === 'by_hand').toBe(byHand !== null);
      if (byHand !== null) {
        expect(result.status).toBe(END_STATUS[byHand as keyof typeof END_STATUS]);
        return;
      }
      expect(reference.undone).toEqual(reference.stopped ? reference.toUndo() : []);
      const good = reference.waived.size > 0 ? 'succeeded_with_skips' : 'succeeded';
      expect(result.status === good).toBe(!reference.stopped);
      if (!reference.stopped) expect(reference.finished.size).toBe(plan.steps.length);
      expect(result.skipped?.map(({ step_id }) => step_id).toSorted() ?? []).toEqual(
        [...reference.waived].toSorted(),
      );
      const again = replay(planMachine, planRunInput('run', plan), 1_000_000, throughJson(run.journal));
      expect(again.map((text) => JSON.parse(text) as unknown)).toEqual(throughJson(run.turns));
    }),
    { numRuns: 800 },
  );
  for (const verb of [...VERBS, 'cancel']) expect(heardVerbs.get(verb) ?? 0, verb).toBeGreaterThan(5);
});
