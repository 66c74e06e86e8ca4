import { AppError, toTimestamp } from '@carapulse/kernel';
import { findWorkflow } from '@carapulse/planning';
import { nextTime, type ScheduleDefinition } from '@carapulse/schedule';
import type { Services } from '../services.ts';
import { draftWorkflow } from '../workflows/plan-workflow.ts';

/**
 * The first time of a definition after an instant, once it is sure that the definition can ever fire: its workflow
 * takes its input, its zone is known, and a time comes.
 * @throws AppError `not_found` (workflow), `invalid_input` with pointers into the definition.
 */
export function firstTime(services: Services, definition: ScheduleDefinition, afterMs: number): number {
  draftWorkflow(findWorkflow(definition.workflow), definition.input);
  const occurrences = services.calendar.open(definition.cron, definition.time_zone);
  const next = nextTime(definition, occurrences, afterMs);
  if (next !== null) return next;
  const never = occurrences.next(afterMs) === null;
  const detail = never
    ? `no day is ever ${definition.cron}`
    : `${definition.cron} has no time that is still to come between start_at and end_at`;
  throw new AppError('invalid_input', `The schedule would never fire: ${detail}.`, {
    errors: [{ pointer: never ? '/cron' : '/end_at', detail }],
  });
}

/** The same of a definition that is kept already, which may have none any more. */
export function timeAfter(
  { calendar }: Pick<Services, 'calendar'>,
  definition: ScheduleDefinition,
  afterMs: number,
): string | null {
  const next = nextTime(definition, calendar.open(definition.cron, definition.time_zone), afterMs);
  return next === null ? null : toTimestamp(next);
}
