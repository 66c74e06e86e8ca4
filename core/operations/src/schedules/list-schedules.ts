import { z } from 'zod';
import type { ReadOperation } from '../operation.ts';
import { PageInput } from '../page-input.ts';
import type { Page } from '../ports/index.ts';
import { detailOf, type ScheduleDetail } from './get-schedule.ts';

const Input = z.strictObject(PageInput);
const SHOWN_FIRINGS = 3;

/** Schedules, newest first, each with its next times and its last firings. */
export const listSchedules: ReadOperation<z.infer<typeof Input>, Page<ScheduleDetail>> = {
  kind: 'read',
  name: 'list-schedules',
  permission: 'schedule.read',
  input: Input,
  run: async (context, page) => {
    const { items, next } = await context.services.store.read.schedules(context.actor.tenant_id, page);
    const details = await Promise.all(items.map((each) => detailOf(context, each, SHOWN_FIRINGS)));
    return { items: details, next };
  },
};
