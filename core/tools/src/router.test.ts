import { AppError } from '@carapulse/kernel';
import type { RepeatClass } from '@carapulse/plan';
import { describe, expect, test } from 'vitest';
import { codeOf, newDeps, newRouter, newWorld, notePlan, writeRequest } from './router-harness.testing.ts';
import type { Fault, World } from './router-harness.testing.ts';
import { createToolRouter } from './router.ts';

const options = { signal: new AbortController().signal };
class Death extends Error {}

/** Counts port calls; dies at the nth moment (two a call). */
function dieAt(nth: number): { fault: Fault; died: () => boolean } {
  let moment = 0;
  let died = false;
  return {
    died: () => died,
    fault: () => {
      if (moment++ !== nth) return;
      died = true;
      throw new Death('killed');
    },
  };
}

describe('a write', () => {
  test('runs the approved call once, with intent before and outcome after', async () => {
    const world = newWorld();
    const request = await writeRequest(notePlan('observable'));
    const response = await newRouter(world, 'observable').execute(request, options);
    expect(response).toMatchObject({ output: { word: 'after' }, repeated: false, evidenceId: 'ev_1' });
    expect(world.audit.map((entry) => entry.phase)).toEqual(['intent', 'outcome']);
    expect(world.audit[0]?.grant).toMatchObject({
      approvers: ['user:alice'],
      direction: 'forward',
      epoch: 1,
    });
    expect((await newRouter(world, 'observable').execute(request, options)).repeated).toBe(true);
    expect(world.effects).toBe(1);
  });

  test('goes through its ports in the documented order', async () => {
    const order: string[] = [];
    const fault: Fault = (port, when) => {
      if (when === 'before') order.push(port);
    };
    await newRouter(newWorld(), 'observable', fault).execute(
      await writeRequest(notePlan('observable')),
      options,
    );
    expect(order).toEqual([
      'epoch',
      'policy.decide',
      'journal.claim',
      'journal.begin',
      'audit.intent',
      'journal.ours',
      'epoch',
      'workspace.open',
      'sandbox.write',
      'evidence.put',
      'audit.outcome',
      'journal.finish',
    ]);
  });

  const classes: readonly RepeatClass[] = ['observable', 'convergent', 'keyed', 'unsafe'];
  test.each(classes)(
    'killed at any moment and tried again, a %s one loses nothing and doubles nothing',
    async (repeat) => {
      const request = await writeRequest(notePlan(repeat));
      let moments = 0;
      for (let nth = 0; ; nth += 1) {
        const world = newWorld();
        const death = dieAt(nth);
        await newRouter(world, repeat, death.fault)
          .execute(request, options)
          .catch(() => undefined);
        if (!death.died()) break;
        moments += 1;
        const effectBefore = world.effects;
        const result = await codeOf(newRouter(world, repeat).execute(request, options));
        const again = await codeOf(newRouter(world, repeat).execute(request, options));
        const limit = repeat === 'convergent' || repeat === 'keyed' ? 2 : 1;
        expect(world.effects, `death at moment ${nth}`).toBeLessThanOrEqual(limit);
        if (repeat === 'unsafe' && world.journal.size > 0 && result !== 'done') {
          expect([result, again]).toEqual([
            'outcome_unknown outcome_unknown',
            'outcome_unknown outcome_unknown',
          ]);
          expect(world.effects).toBe(effectBefore);
        } else {
          expect([result, again, world.word]).toEqual(['done', 'done', 'after']);
        }
        const firstIntent = world.audit.findIndex((entry) => entry.phase === 'intent');
        if (world.effects > 0) expect(firstIntent).toBeGreaterThanOrEqual(0);
      }
      expect(moments).toBe(24);
    },
  );

  test('killed twice in a row at any two moments, an observable one still happens once', async () => {
    const request = await writeRequest(notePlan('observable'));
    for (let first = 0; first < 24; first += 1) {
      for (let second = 0; second < 26; second += 1) {
        const world = newWorld();
        for (const nth of [first, second]) {
          await newRouter(world, 'observable', dieAt(nth).fault)
            .execute(request, options)
            .catch(() => undefined);
        }
        expect(await codeOf(newRouter(world, 'observable').execute(request, options))).toBe('done');
        expect(world.effects, `deaths at ${first} and ${second}`).toBe(1);
      }
    }
  });

  test('a failing port instead of a death leaves the same promises', async () => {
    const request = await writeRequest(notePlan('observable'));
    for (let nth = 0; nth < 24; nth += 1) {
      const world = newWorld();
      let moment = 0;
      let failing = true;
      const deps = newDeps(world, 'observable');
      const failOnce = <T extends object>(target: T): T =>
        new Proxy(target, {
          get: (object, name) => {
            const member: unknown = Reflect.get(object, name);
            if (typeof member !== 'function') return member;
            return (...args: unknown[]): unknown => {
              if (failing && moment++ === nth) return Promise.reject(new AppError('unavailable', 'down'));
              return Reflect.apply(member, object, args);
            };
          },
        });
      const { journal, audit, evidence, sandbox, workspace, epochGuard } = deps;
      const flaky = {
        journal: failOnce(journal),
        audit: failOnce(audit),
        evidence: failOnce(evidence),
        sandbox: failOnce(sandbox),
        workspace: failOnce(workspace),
        epochGuard: failOnce(epochGuard),
      };
      const router = createToolRouter({ ...deps, ...flaky });
      const first = await codeOf(router.execute(request, options));
      failing = false;
      expect(await codeOf(router.execute(request, options)), `failure ${nth} (${first})`).toBe('done');
      expect(world.effects).toBe(1);
    }
  });

  test('an earlier attempt’s effect is not forgotten when the next fails before it runs', async () => {
    const world = newWorld();
    const request = await writeRequest(notePlan('convergent'));
    const killed: Fault = (port) => {
      if (port === 'evidence.put') throw new Death('killed');
    };
    await codeOf(newRouter(world, 'convergent', killed).execute(request, options));
    const refusing: Fault = (port) => {
      if (port === 'audit.intent') throw new AppError('unavailable', 'audit is down');
    };
    const next = newRouter(world, 'convergent', refusing).execute(request, options);
    expect(await codeOf(next)).toBe('outcome_unknown outcome_unknown');
    expect([world.effects, world.journal.size]).toEqual([1, 1]);
  });

  test('an audit that cannot take the intent means no effect', async () => {
    const world = newWorld();
    const fault: Fault = (port) => {
      if (port === 'audit.intent') throw new AppError('unavailable', 'audit is down');
    };
    const work = newRouter(world, 'unsafe', fault).execute(await writeRequest(notePlan('unsafe')), options);
    expect(await codeOf(work)).toBe('unavailable');
    expect(world.effects).toBe(0);
  });

  test('an unsafe write that fails is unknown and stays so', async () => {
    const world = newWorld();
    const deps = newDeps(world, 'unsafe');
    const timesOut = {
      ...deps.sandbox,
      run: async (...args: Parameters<typeof deps.sandbox.run>) => ({
        ...(await deps.sandbox.run(...args)),
        stoppedBy: 'timeout' as const,
      }),
    };
    const router = createToolRouter({ ...deps, sandbox: timesOut });
    const request = await writeRequest(notePlan('unsafe'));
    expect(await codeOf(router.execute(request, options))).toBe('outcome_unknown outcome_unknown');
    expect(await codeOf(newRouter(world, 'unsafe').execute(request, options))).toBe(
      'outcome_unknown outcome_unknown',
    );
    expect(world.effects).toBe(1);
    expect(world.audit.at(-1)?.outcome?.kind).toBe('unknown');
  });

  /** A sandbox whose writes hang until a halt begins and then are ended, with or without their effect. */
  const haltedDeps = (world: World, repeat: RepeatClass, takesEffect: boolean) => {
    const deps = newDeps(world, repeat);
    const run: typeof deps.sandbox.run = async (command, { signal }) => {
      if (command.argv[1] !== 'write' || takesEffect) await deps.sandbox.run(command, { signal });
      if (command.argv[1] !== 'write') return deps.sandbox.run(command, { signal });
      const aborted = new Promise((resolve) => {
        signal.addEventListener('abort', resolve, { once: true });
      });
      world.halted = { scope: 'all', reason: 'wrong target', by: 'user:bob', at: '2026-01-10T12:00:00Z' };
      world.halts.abort();
      await aborted;
      return { exitCode: null, stdout: '', stderr: '', durationMs: 1, stoppedBy: 'cancelled' };
    };
    return { ...deps, sandbox: { ...deps.sandbox, run } };
  };

  test('ended in flight by a halt, without effect: halted, and runs after it', async () => {
    const world = newWorld();
    const request = await writeRequest(notePlan('observable'));
    const router = createToolRouter(haltedDeps(world, 'observable', false));
    expect(await codeOf(router.execute(request, options))).toBe('halted halted');
    expect(world.audit.at(-1)?.outcome?.kind).toBe('not_done');
    expect(await codeOf(newRouter(world, 'observable').execute(request, options))).toBe('halted halted');
    expect(world.effects).toBe(0);
    const resumed = {
      ...newDeps(world, 'observable'),
      halt: { state: () => null, signal: () => options.signal },
    };
    expect(await createToolRouter(resumed).execute(request, options)).toMatchObject({ repeated: false });
    expect(world.effects).toBe(1);
  });

  test('ended in flight by a halt, with its effect: answered as done, never as halted', async () => {
    const world = newWorld();
    const request = await writeRequest(notePlan('observable'));
    const router = createToolRouter(haltedDeps(world, 'observable', true));
    expect(await router.execute(request, options)).toMatchObject({
      output: { word: 'after' },
      repeated: true,
    });
    expect([world.effects, world.audit.at(-1)?.outcome?.kind]).toEqual([1, 'observed_done']);
  });

  test.each([
    ['unsafe', 'outcome_unknown outcome_unknown'],
    ['convergent', 'halted halted'],
  ] as const)('ended in flight by a halt, a %s one is %s', async (repeat, code) => {
    const world = newWorld();
    const request = await writeRequest(notePlan(repeat));
    const router = createToolRouter(haltedDeps(world, repeat, true));
    expect(await codeOf(router.execute(request, options))).toBe(code);
  });

  test.each(['convergent', 'keyed', 'unsafe'] as const)(
    'a %s one that fails for good is unknown',
    async (repeat) => {
      const world = newWorld();
      const deps = newDeps(world, repeat);
      const run = () => Promise.reject(new AppError('tool_failed', 'broken pipe'));
      const router = createToolRouter({ ...deps, sandbox: { ...deps.sandbox, run } });
      const request = await writeRequest(notePlan(repeat));
      expect(await codeOf(router.execute(request, options))).toBe('outcome_unknown outcome_unknown');
    },
  );

  test('two calls of one step at once: the second is told to wait', async () => {
    const world = newWorld();
    const router = newRouter(world, 'observable');
    const request = await writeRequest(notePlan('observable'));
    const results = await Promise.all([
      codeOf(router.execute(request, options)),
      codeOf(router.execute(request, options)),
    ]);
    expect(results).toEqual(['done', 'idempotency_in_progress call_in_flight']);
    expect(world.effects).toBe(1);
  });
});
