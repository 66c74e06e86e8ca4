import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import type { Assistant } from './assistant.ts';
import { approve, endOf, until, type ExecutionView, type PlanView, type World } from './world.ts';

const REASON = { reason: 'I want to look at it first' };

const MAIN = join(import.meta.dirname, '..', '..', 'apps/assistantctl/src/main.ts');
const LIMIT = { timeout: 240_000 };

/** People at a run: what they say by `assistantctl exec`, also while the process is killed. The same on every engine. */
export function steeringSuite(open: () => World): void {
  let world: World;
  let assistant: Assistant;
  beforeAll(async () => {
    world = open();
    assistant = await world.start();
  });

  const show = async (execution_id: string): Promise<ExecutionView> =>
    (await assistant.as('alice').call('getExecution', { params: { execution_id } })).body;
  const once = (id: string, what: string, is: (view: ExecutionView) => boolean): Promise<ExecutionView> =>
    until(what, async () => {
      const view = await show(id);
      return is(view) ? view : null;
    });
  const status = (id: string, wanted: string): Promise<ExecutionView> =>
    once(id, `${id} to be ${wanted}`, ({ execution }) => execution.status === wanted);
  const stepOf = (view: ExecutionView, id: string) =>
    view.progress.steps.find(({ step_id }) => step_id === id);

  /** `assistantctl exec …` as somebody would type it. */
  async function exec(who: string, ...args: readonly string[]) {
    const { CARAPULSE_DIRECTORY: _directory, ...clean } = process.env;
    const env = { ...clean, CARAPULSE_URL: assistant.url, CARAPULSE_TOKEN: await assistant.token(who) };
    const argv = ['--disable-warning=ExperimentalWarning', MAIN, 'exec', ...args];
    return new Promise<{ readonly status: number; readonly out: string; readonly err: string }>((resolve) => {
      execFile(process.execPath, argv, { env, cwd: world.root }, (error, out, err) => {
        resolve({ status: error === null ? 0 : Number(error.code), out, err });
      });
    });
  }

  async function run(plan: PlanView): Promise<string> {
    await approve(assistant, plan, 'alice');
    return (await approve(assistant, plan, 'bob')).execution_id ?? '';
  }

  /** A run that is paused while the push to beta is under way; `go` lets the push go on. */
  async function pausedInPush() {
    const plan = await world.plan(assistant);
    const { shop } = world;
    const before = [await shop.moves('alpha'), await shop.moves('beta')] as const;
    const moved = async () => [
      (await shop.moves('alpha')) - before[0],
      (await shop.moves('beta')) - before[1],
    ];
    const held = world.shop.holdPush('beta');
    const id = await run(plan);
    const go = await held;
    await once(id, 'the push to alpha', (seen) => stepOf(seen, 'revert-alpha')?.state === 'done');
    await assistant.as('carol').call('pauseExecution', { params: { execution_id: id }, body: REASON });
    await status(id, 'paused');
    return { id, go, moved };
  }

  test(
    'a pause awaits the push under way, starts nothing more, is told with who and why, and ends with a resume',
    LIMIT,
    async () => {
      const { id, go } = await pausedInPush();
      await go();
      const view = await once(id, 'the push', (seen) => stepOf(seen, 'revert-beta')?.state === 'done');
      expect(view.execution).toMatchObject({ status: 'paused', ended_at: null });
      expect(view.progress).toMatchObject({ held: { kind: 'paused', by: 'user:carol', ...REASON } });
      expect(stepOf(view, 'look-beta')).toMatchObject({ state: 'waiting', waits_for: { kind: 'person' } });
      const shown = await exec('olga', 'show', id);
      expect(shown.out).toMatch(
        /Paused by +user:carol .* ago: I want to look at it first\nMay skip +look-beta\n/,
      );
      expect(shown.out).toMatch(/Time left +until .* \(in /);
      const again = await exec('bob', 'pause', id, '--reason', 'me too');
      expect([again.status, again.err]).toEqual([
        1,
        expect.stringContaining('was paused by user:carol already'),
      ]);
      await assistant.as('bob').call('resumeExecution', { params: { execution_id: id }, body: REASON });
      const end = await status(id, 'succeeded');
      expect(end.progress).toMatchObject({ held: null, skipped: [], counts: { done: 4 } });
    },
  );

  test(
    'a skipped read lets the run end, but not as succeeded, and the record says who and why',
    LIMIT,
    async () => {
      const { id, go } = await pausedInPush();
      await go();
      const params = { execution_id: id };
      await once(id, 'the skip to be allowed', (seen) => stepOf(seen, 'look-beta')?.skip === null);
      const reason = ['--reason', REASON.reason] as const;
      expect((await exec('bob', 'skip', id, ...reason)).status).toBe(2);
      const skip = await exec('bob', 'skip', id, '--step', 'look-beta', ...reason);
      expect(skip).toMatchObject({ status: 0, out: expect.stringContaining('Accepted') });
      await assistant.as('bob').call('resumeExecution', { params, body: REASON });
      const end = await status(id, 'succeeded_with_skips');
      expect(end.execution.status_reason).toContain('step look-beta (user:bob: I want to look at it first)');
      expect(end.progress.skipped).toMatchObject([{ step_id: 'look-beta', check_ids: [], by: 'user:bob' }]);
      expect(end.steps).toContainEqual(expect.objectContaining({ step_id: 'look-beta', status: 'skipped' }));
      const watched = await exec('olga', 'watch', id);
      expect(watched.err).toMatch(
        /Skipped +step look-beta by user:bob: I want to look at it first\n[^]*succeeded_with_skips/,
      );
      expect(watched.status).toBe(7);
      const { body } = await assistant
        .as('ada')
        .call('listAuditEvents', { query: { action: 'execution.skip', subject_id: id } });
      expect(body.items).toMatchObject([
        { actor_id: 'user:bob', record: { details: { step_id: 'look-beta' } } },
      ]);
    },
  );

  test(
    'a run that was taken over starts nothing, keeps its targets, and ends by a person’s word',
    LIMIT,
    async () => {
      const { id, go } = await pausedInPush();
      const params = { execution_id: id };
      const taken = await exec('bob', 'takeover', id, '--reason', REASON.reason, '--as-commands');
      expect(taken).toMatchObject({ status: 0, out: expect.stringContaining('\n# forward:\n') });
      await expect(
        assistant.as('bob').call('finishExecution', { params, body: { ...REASON, as: 'failed' } }),
      ).rejects.toMatchObject({ code: 'conflict' });
      await go();
      const view = await status(id, 'taken_over');
      expect(view.commands.join('\n')).toMatch(
        /# read look-beta[^]*# back, last written first:[^]*# undo of revert-beta/,
      );
      for (const verb of ['resumeExecution', 'cancelExecution', 'pauseExecution'] as const)
        await expect(assistant.as('bob').call(verb, { params, body: REASON })).rejects.toMatchObject({
          code: 'conflict',
          message: expect.stringContaining('exec handback'),
        });
      const [other = null] = await world.plans(assistant, 1);
      if (other === null) throw new Error('there is no other plan');
      expect(await status(await run(other), 'failed')).toMatchObject({
        execution: { status_reason: expect.stringContaining(`is being changed by ${id}`) },
      });
      await assistant.as('carol').call('finishExecution', { params, body: { ...REASON, as: 'rolled_back' } });
      const end = await status(id, 'rolled_back');
      expect(end.execution.status_reason).toBe(
        `Finished by hand by user:carol as rolled_back: ${REASON.reason}`,
      );
    },
  );

  test(
    'a push of unknown outcome is tried again by a person’s word, after the target was read',
    LIMIT,
    async () => {
      const plan = await world.plan(assistant);
      world.shop.breakPush('beta', 'before');
      const id = await run(plan);
      const params = { execution_id: id };
      await status(id, 'parked');
      world.shop.repair('beta');
      const view = await show(id);
      expect(stepOf(view, 'revert-beta')).toMatchObject({ state: 'unknown', retry: null, attempt: 1 });
      await assistant.as('bob').call('retryStep', { params, body: { ...REASON, step_id: 'revert-beta' } });
      const end = await status(id, 'succeeded');
      expect(stepOf(end, 'revert-beta')).toMatchObject({ state: 'done', attempt: 2 });
      await expect(
        assistant.as('bob').call('retryStep', { params, body: { ...REASON, step_id: 'revert-beta' } }),
      ).rejects.toMatchObject({ code: 'conflict', message: expect.stringContaining('has ended') });
    },
  );

  /** Kills the process, as a power cut would, and starts it again. */
  async function killed(): Promise<void> {
    assistant.signal('SIGKILL');
    await assistant.ended;
    assistant = await world.start();
  }

  test('a paused run is as it was after a kill, and goes on by a person’s word alone', LIMIT, async () => {
    const { id, go, moved } = await pausedInPush();
    await go();
    await once(id, 'the push', (seen) => stepOf(seen, 'revert-beta')?.state === 'done');
    const paused = await show(id);
    for (let kills = 0; kills < 2; kills += 1) {
      await killed();
      const now = await show(id);
      expect(now.execution.status).toBe('paused');
      expect(now.progress).toEqual(paused.progress);
    }
    expect((await exec('bob', 'resume', id, '--reason', REASON.reason)).status).toBe(0);
    await status(id, 'succeeded');
    expect(await moved()).toEqual([1, 1]);
  });

  test('a pause that is said while the process dies in a push holds what the push left', LIMIT, async () => {
    const { id, go, moved } = await pausedInPush();
    assistant.signal('SIGKILL');
    await assistant.ended;
    await go({ dead: true });
    assistant = await world.start();
    const view = await once(
      id,
      'the push to be known',
      (seen) => stepOf(seen, 'revert-beta')?.state === 'done',
    );
    expect(view.execution.status).toBe('paused');
    expect(view.progress.held).toMatchObject({ kind: 'paused', by: 'user:carol' });
    await exec('bob', 'resume', id, '--reason', REASON.reason);
    await status(id, 'succeeded');
    expect(await moved()).toEqual([1, 1]);
  });

  test(
    'a run that was taken over starts nothing after a kill, and goes on once it is handed back',
    LIMIT,
    async () => {
      const { id, go } = await pausedInPush();
      await go();
      await once(id, 'the push', (seen) => stepOf(seen, 'revert-beta')?.state === 'done');
      expect((await exec('bob', 'takeover', id, '--reason', REASON.reason)).status).toBe(0);
      const taken = await status(id, 'taken_over');
      await killed();
      const now = await status(id, 'taken_over');
      expect(now.progress).toEqual(taken.progress);
      expect(now.commands).toEqual(taken.commands);
      expect((await exec('bob', 'handback', id, '--reason', REASON.reason)).status).toBe(0);
      await once(id, 'it to be handed back', (seen) => seen.execution.status !== 'taken_over');
      if ((await show(id)).execution.status === 'paused')
        await exec('bob', 'resume', id, '--reason', REASON.reason);
      expect((await endOf(assistant, id)).execution.status).toBe('succeeded');
    },
  );

  test(
    'a paused run that was killed is rolled back by a person’s word, each write undone once',
    LIMIT,
    async () => {
      const { id, go, moved } = await pausedInPush();
      await go();
      await once(id, 'both pushes', (seen) =>
        ['revert-alpha', 'revert-beta'].every((step) => stepOf(seen, step)?.state === 'done'),
      );
      await killed();
      expect((await exec('bob', 'rollback', id, '--reason', REASON.reason)).status).toBe(0);
      await once(id, 'its end', (seen) => seen.execution.ended_at !== null);
      expect((await show(id)).execution.status).toBe('cancelled');
      expect(await Promise.all([world.shop.state('alpha'), world.shop.state('beta')])).not.toContain('good');
      expect(await moved()).toEqual([2, 2]);
    },
  );
}
