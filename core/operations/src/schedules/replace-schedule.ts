import { AppError, toAppError, toTimestamp } from '@carapulse/kernel';
import { ScheduleDefinition, ScheduleName, type Schedule } from '@carapulse/schedule';
import { z } from 'zod';
import type { WriteOperation } from '../operation.ts';
import { firstTime } from './check-definition.ts';
import { judgeBefore } from './judge-times.ts';
import { loadSchedule } from './load-schedule.ts';
import { writeSchedule } from './write-schedule.ts';

/** A plan names them all, and each is one who can't approve it. */
const MOST_AUTHORS = 50;

const Input = z.strictObject({
  name: ScheduleName,
  definition: ScheduleDefinition,
  /** The revision that was seen. */
  revision: z.int().positive(),
});

/**
 * Gives a schedule another definition, whole. Times that have passed are not judged again by it: it holds from now on,
 * also for a firing that waits. Whoever does it becomes one of its authors.
 * @throws AppError `not_found`, `conflict` when it has changed since that revision, `invalid_input` with pointers.
 */
export const replaceSchedule: WriteOperation<z.infer<typeof Input>, Schedule> = {
  kind: 'write',
  name: 'replace-schedule',
  permission: 'schedule.write',
  auditAction: 'schedule.replace',
  input: Input,
  run: async (context, { name, definition, revision }, commit) => {
    const { actor, services } = context;
    return writeSchedule(
      context,
      commit,
      'schedule.replace',
      async (tx) => {
        const known = await loadSchedule(tx, actor.tenant_id, name);
        if (known.revision === revision) return known;
        const why = `The schedule ${name} has revision ${known.revision} now, not ${revision}`;
        throw new AppError('conflict', `${why}; look at it again.`);
      },
      async (tx, known, nowMs) => {
        const next_at = toTimestamp(firstTime(services, definition, nowMs));
        await judgeBefore(tx, services, known).catch(letUnreadable);
        return {
          schedule: {
            ...known,
            definition,
            authors: withAuthor(known, actor.id),
            decided_until: toTimestamp(nowMs),
            next_at,
          },
          details: { definition, before: known.definition },
        };
      },
    );
  },
};

/** Times that the calendar can't tell any more are what another definition mends. */
function letUnreadable(error: unknown): void {
  if (toAppError(error).code !== 'invalid_input') throw error;
}

function withAuthor({ name, authors }: Schedule, author: string): string[] {
  const all = [...new Set([...authors, author])];
  if (all.length <= MOST_AUTHORS) return all;
  throw new AppError(
    'precondition_failed',
    `The schedule ${name} has ${authors.length} authors already, none of whom can approve its plans; delete it and create it anew.`,
  );
}
