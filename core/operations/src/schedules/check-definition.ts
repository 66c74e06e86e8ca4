import { AppError, toTimestamp } from '@carapulse/kernel';
import { findWorkflow } from '@carapulse/planning';
import { MOST_AT_ONCE, nextTime, type Occurrences, type ScheduleDefinition } from '@carapulse/schedule';
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
  if (next !== null) {
    refuseStorm(definition, occurrences, next);
    return next;
  }
  const never = occurrences.next(afterMs) === null;
  const detail = never
    ? `no day is ever ${definition.cron}`
    : `${definition.cron} has no time that is still to come between start_at and end_at`;
  throw new AppError('invalid_input', `The schedule would never fire: ${detail}.`, {
    errors: [{ pointer: never ? '/cron' : '/end_at', detail }],
  });
}

/** An outage as long as the window would make so many plans at once that nobody looks at any. */
function refuseStorm(definition: ScheduleDefinition, occurrences: Occurrences, fromMs: number): void {
  const { catch_up, catch_up_window_s } = definition;
  if (catch_up === 'one') return;
  const endMs = fromMs + catch_up_window_s * 1000;
  let times = 0;
  let next: number | null = fromMs;
  while (next !== null && next < endMs) {
    times += 1;
    if (times > MOST_AT_ONCE) {
      const detail = `more than ${MOST_AT_ONCE} times lie in the window, and all of them would be caught up; take a shorter one, or catch_up one`;
      throw new AppError('invalid_input', `The schedule is not valid at /catch_up_window_s: ${detail}.`, {
        errors: [{ pointer: '/catch_up_window_s', detail }],
      });
    }
    next = nextTime(definition, occurrences, next);
  }
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
