import { ScheduleDefinition, ScheduleName } from '@carapulse/schedule';
import { z } from 'zod';
import type { Route } from './route.ts';
import { FiringView, pageOf, ScheduleView } from './views.ts';

const params = z.object({ name: ScheduleName });
const reason = z.strictObject({ reason: z.string().min(1).max(500) });
const note = z.strictObject({ note: z.string().min(1).max(400) });
const instant = z.iso.datetime();

const read = { method: 'GET', idempotency: false, etag: false, tag: 'schedules' } as const;
const write = {
  method: 'POST',
  idempotency: true,
  etag: false,
  tag: 'schedules',
  permission: 'schedule.write',
} as const;

/** Endpoints of schedules: named workflows whose plans are made at times. */
export const SCHEDULE_ROUTES = {
  createSchedule: {
    ...write,
    id: 'createSchedule',
    path: '/v1/schedules',
    summary: 'Have the plan of a named workflow made at times; policy decides on each when it is made.',
    body: z.strictObject({ name: ScheduleName, definition: ScheduleDefinition }),
    success: { status: 201, schema: ScheduleView },
  },
  listSchedules: {
    ...read,
    id: 'listSchedules',
    path: '/v1/schedules',
    summary: 'Schedules, newest first, each with its next times and its last firings.',
    permission: 'schedule.read',
    query: z.object({
      limit: z.coerce.number().int().min(1).max(200).default(50),
      cursor: z.string().max(1000).optional(),
    }),
    success: { status: 200, schema: pageOf(ScheduleView) },
  },
  getSchedule: {
    ...read,
    etag: true,
    id: 'getSchedule',
    path: '/v1/schedules/{name}',
    summary: 'One schedule with its next times and its last firings.',
    permission: 'schedule.read',
    params,
    query: z.object({ firings: z.coerce.number().int().min(1).max(200).default(20) }),
    success: { status: 200, schema: ScheduleView },
  },
  replaceSchedule: {
    ...write,
    method: 'PUT',
    id: 'replaceSchedule',
    path: '/v1/schedules/{name}',
    summary: 'Give a schedule another definition, whole, if it still has the revision that was seen.',
    params,
    body: z.strictObject({ definition: ScheduleDefinition, revision: z.int().positive() }),
    success: { status: 200, schema: ScheduleView },
  },
  deleteSchedule: {
    ...write,
    id: 'deleteSchedule',
    method: 'DELETE',
    path: '/v1/schedules/{name}',
    summary: 'Remove a schedule; plans that it made go on. Answers with what it was.',
    params,
    query: z.object({ reason: z.string().min(1).max(500) }),
    success: { status: 200, schema: ScheduleView },
  },
  pauseSchedule: {
    ...write,
    id: 'pauseSchedule',
    path: '/v1/schedules/{name}/pause',
    summary: 'Let its times pass, each recorded as missed, until it is resumed.',
    params,
    body: note,
    success: { status: 200, schema: ScheduleView },
  },
  resumeSchedule: {
    ...write,
    id: 'resumeSchedule',
    path: '/v1/schedules/{name}/resume',
    summary: 'Let it fire again, from now on.',
    params,
    body: note,
    success: { status: 200, schema: ScheduleView },
  },
  triggerSchedule: {
    ...write,
    id: 'triggerSchedule',
    path: '/v1/schedules/{name}/trigger',
    summary: 'Fire it now, paused or not.',
    params,
    body: reason,
    success: { status: 202, schema: FiringView },
  },
  backfillSchedule: {
    ...write,
    id: 'backfillSchedule',
    path: '/v1/schedules/{name}/backfill',
    summary: 'Fire its times in [from, to) that have made no plan, at most 100.',
    params,
    body: z.strictObject({ from: instant, to: instant, reason: z.string().min(1).max(500) }),
    success: { status: 202, schema: z.object({ queued: z.int(), existing: z.int() }) },
  },
} as const satisfies Readonly<Record<string, Route>>;
