import { AppError, toTimestamp } from '@carapulse/kernel';
import { ScheduleName, type Schedule } from '@carapulse/schedule';
import { z } from 'zod';
import type { WriteOperation } from '../operation.ts';
import { timeAfter } from './check-definition.ts';
import { judgeBefore } from './judge-times.ts';
import { loadSchedule } from './load-schedule.ts';
import { writeSchedule } from './write-schedule.ts';

const Input = z.strictObject({ name: ScheduleName, note: z.string().min(1).max(400) });
type Input = z.infer<typeof Input>;

/** Lets its times pass, each recorded as missed with the note. What a person asks for by hand still fires. */
export const pauseSchedule: WriteOperation<Input, Schedule> = {
  kind: 'write',
  name: 'pause-schedule',
  permission: 'schedule.write',
  auditAction: 'schedule.pause',
  input: Input,
  run: async (context, { name, note }, commit) => {
    const { actor } = context;
    return writeSchedule(
      context,
      commit,
      'schedule.pause',
      async (tx) => {
        const known = await loadSchedule(tx, actor.tenant_id, name);
        if (known.paused === null) return known;
        throw new AppError(
          'conflict',
          `The schedule ${name} is paused already, by ${known.paused.by}: ${known.paused.note}.`,
        );
      },
      async (_tx, known, nowMs) => ({
        schedule: { ...known, paused: { by: actor.id, note, at: toTimestamp(nowMs) } },
        details: { note },
      }),
    );
  },
};

/** Lets it fire again from now on; times that passed while it was paused don't come back, but by a backfill. */
export const resumeSchedule: WriteOperation<Input, Schedule> = {
  kind: 'write',
  name: 'resume-schedule',
  permission: 'schedule.write',
  auditAction: 'schedule.resume',
  input: Input,
  run: async (context, { name, note }, commit) => {
    const { actor, services } = context;
    return writeSchedule(
      context,
      commit,
      'schedule.resume',
      async (tx) => {
        const known = await loadSchedule(tx, actor.tenant_id, name);
        if (known.paused !== null) return known;
        throw new AppError('conflict', `The schedule ${name} is not paused.`);
      },
      async (tx, known, nowMs) => {
        await judgeBefore(tx, services, known);
        return {
          schedule: {
            ...known,
            paused: null,
            decided_until: toTimestamp(nowMs),
            next_at: timeAfter(services, known.definition, nowMs),
          },
          details: { note, was: known.paused },
        };
      },
    );
  },
};
