import type { JsonObject } from '@carapulse/kernel';
import type { Scene } from './api-scenes.ts';
import type { Assistant } from './assistant.ts';
import type { World } from './world.ts';

const REASON = { reason: 'the contract is looked at from outside' };
const NOTE = { note: 'the contract is looked at from outside' };
const MINUTE_MS = 60_000;

/** Ways to the success of each operation of schedules. None of them comes to its time, but by what a person asks for. */
export function scheduleScenes(world: World, assistant: Assistant): Readonly<Record<string, Scene>> {
  const client = assistant.as('alice');
  let made = 0;
  let pushed: Promise<string> | null = null;
  const commit = (): Promise<string> => (pushed ??= world.shop.pushInnocent('alpha'));
  const body = async (cron = '0 0 29 2 *'): Promise<JsonObject & { readonly name: string }> => {
    made += 1;
    const input = { repository: 'alpha', commit: await commit() };
    const definition = { workflow: 'revert-commit', input, cron, ...REASON };
    return { name: `scene-schedule-${made}`, definition };
  };
  const create = async (cron?: string) => {
    const sent = await body(cron);
    await client.call('createSchedule', { body: sent as never });
    return sent;
  };
  const named = async () => ({ params: { name: (await create()).name } });
  return {
    createSchedule: async () => ({ body: await body() }),
    listSchedules: () => ({}),
    getSchedule: named,
    replaceSchedule: async () => {
      const { name, definition } = await create();
      return { params: { name }, body: { definition: definition ?? null, revision: 1 } };
    },
    deleteSchedule: async () => ({ ...(await named()), query: REASON }),
    pauseSchedule: async () => ({ ...(await named()), body: NOTE }),
    resumeSchedule: async () => {
      const { params } = await named();
      await client.call('pauseSchedule', { params, body: NOTE });
      return { params, body: NOTE };
    },
    triggerSchedule: async () => ({ ...(await named()), body: REASON }),
    backfillSchedule: async () => {
      const { name } = await create('* * * * *');
      await client.call('pauseSchedule', { params: { name }, body: NOTE });
      const to = Date.now() - MINUTE_MS;
      const at = (ms: number): string => new Date(ms).toISOString();
      return { params: { name }, body: { ...REASON, from: at(to - MINUTE_MS), to: at(to) } };
    },
  };
}
