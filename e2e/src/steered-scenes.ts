import type { Assistant } from './assistant.ts';
import type { Scene } from './api-scenes.ts';
import { until, type ExecutionView } from './world.ts';

const REASON = { reason: 'the contract is looked at from outside' };

/**
 * For each operation by which a person steers a run a way to its success, each time on a run of its own: `park` makes
 * one that is parked over two unknown writes, once the one before has given its targets back.
 */
export function steeredScenes(
  assistant: Assistant,
  park: () => Promise<string>,
): Readonly<Record<string, Scene>> {
  const carol = assistant.as('carol');
  let last: string | null = null;
  const status = (
    execution_id: string,
    wanted: (run: ExecutionView['execution']) => boolean,
  ): Promise<true> =>
    until(`another status of ${execution_id}`, async () => {
      const { body } = await carol.call('getExecution', { params: { execution_id } });
      return wanted(body.execution) || null;
    });
  const takeOver = async (execution_id: string): Promise<void> => {
    const params = { execution_id };
    const { body } = await carol.call('getExecution', { params });
    if (body.progress.held?.kind !== 'taken_over')
      await carol.call('takeoverExecution', { params, body: REASON });
    await status(execution_id, (run) => run.status === 'taken_over');
  };
  const end = async (execution_id: string): Promise<void> => {
    const params = { execution_id };
    const { body } = await carol.call('getExecution', { params });
    if (body.execution.ended_at === null) {
      await takeOver(execution_id);
      await carol.call('finishExecution', { params, body: { ...REASON, as: 'failed' } });
      await status(execution_id, (run) => run.ended_at !== null);
    }
  };
  const fresh = async (): Promise<{ readonly execution_id: string }> => {
    if (last !== null) await end(last);
    last = await park();
    return { execution_id: last };
  };
  const taken = async (): Promise<{ readonly execution_id: string }> => {
    const params = await fresh();
    await takeOver(params.execution_id);
    return params;
  };
  return {
    pauseExecution: async () => ({ params: await fresh(), body: REASON }),
    retryStep: async () => ({ params: await fresh(), body: { ...REASON, step_id: 'revert-alpha' } }),
    skipStep: async () => ({ params: await fresh(), body: { ...REASON, step_id: 'look-beta' } }),
    takeoverExecution: async () => ({ params: await fresh(), body: REASON }),
    handbackExecution: async () => ({ params: await taken(), body: REASON }),
    finishExecution: async () => ({ params: await taken(), body: { ...REASON, as: 'rolled_back' } }),
  };
}
