import { AppError, toAppError } from '@carapulse/kernel';
import type { Calendar } from '@carapulse/schedule';
import { Cron } from 'croner';

/** Cron by croner, time zones by the ICU data of Node. Nothing runs here: it only computes. */
export const cronerCalendar: Calendar = {
  open(cron, timeZone) {
    assertTimeZone(timeZone);
    let job: Cron;
    try {
      job = new Cron(cron, { timezone: timeZone, mode: '5-part', paused: true });
    } catch (cause) {
      throw invalid('/cron', `${cron} is no cron expression: ${toAppError(cause).message}.`, cause);
    }
    return { next: (afterMs) => job.nextRun(new Date(afterMs))?.getTime() ?? null };
  },
};

/** Offsets as `+02:00` are refused: they know no daylight saving time, which is what a zone is named for. */
function assertTimeZone(timeZone: string): void {
  const detail = `${timeZone} is no time zone of the IANA database; write for example Europe/Berlin or UTC.`;
  if (!/^[A-Za-z][A-Za-z0-9_+/-]*$/.test(timeZone)) throw invalid('/time_zone', detail);
  try {
    Intl.DateTimeFormat('en', { timeZone });
  } catch (cause) {
    throw invalid('/time_zone', detail, cause);
  }
}

function invalid(pointer: string, message: string, cause?: unknown): AppError {
  return new AppError('invalid_input', message, { cause, errors: [{ pointer, detail: message }] });
}
