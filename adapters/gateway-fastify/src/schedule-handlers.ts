import {
  backfillSchedule,
  createSchedule,
  deleteSchedule,
  getSchedule,
  invoke,
  listSchedules,
  pauseSchedule,
  replaceSchedule,
  resumeSchedule,
  triggerSchedule,
  type OperationContext,
} from '@carapulse/operations';
import type { SCHEDULE_ROUTES, ScheduleView } from '@carapulse/contract';
import { decodeCursor, encodeCursor } from './cursor.ts';
import type { Handlers } from './handler.ts';
import { firingView, scheduleView } from './schedule-view.ts';

/** What each route of schedules does: one verb, shaped. */
export const SCHEDULE_HANDLERS: Pick<Handlers, keyof typeof SCHEDULE_ROUTES> = {
  createSchedule: async ({ context, body }) => {
    const { name } = await invoke(createSchedule, context, body);
    return { body: await showSchedule(context, name), headers: { location: `/v1/schedules/${name}` } };
  },
  listSchedules: async ({ context, query }) => {
    const page = await invoke(listSchedules, context, {
      limit: query.limit,
      after: decodeCursor('schedules', query.cursor),
    });
    return {
      body: { items: page.items.map(scheduleView), next_cursor: encodeCursor('schedules', page.next) },
    };
  },
  getSchedule: async ({ context, params, query }) => ({
    body: scheduleView(await invoke(getSchedule, context, { ...params, ...query })),
  }),
  replaceSchedule: async ({ context, params, body }) => {
    await invoke(replaceSchedule, context, { ...params, ...body });
    return { body: await showSchedule(context, params.name) };
  },
  deleteSchedule: async ({ context, params, query }) => ({
    body: scheduleView({
      schedule: await invoke(deleteSchedule, context, { ...params, ...query }),
      upcoming: [],
      firings: [],
    }),
  }),
  pauseSchedule: async ({ context, params, body }) => {
    await invoke(pauseSchedule, context, { ...params, ...body });
    return { body: await showSchedule(context, params.name) };
  },
  resumeSchedule: async ({ context, params, body }) => {
    await invoke(resumeSchedule, context, { ...params, ...body });
    return { body: await showSchedule(context, params.name) };
  },
  triggerSchedule: async ({ context, params, body }) => ({
    body: firingView({
      ...(await invoke(triggerSchedule, context, { ...params, ...body })),
      plan_status: null,
    }),
  }),
  backfillSchedule: async ({ context, params, body }) => ({
    body: await invoke(backfillSchedule, context, { ...params, ...body }),
  }),
};

async function showSchedule(context: OperationContext, name: string): Promise<ScheduleView> {
  return scheduleView(await invoke(getSchedule, context, { name }));
}
