/** The times of one cron expression in one time zone. */
export interface Occurrences {
  /**
   * The first time after an instant, both in milliseconds since the epoch; null when none comes any more. The same
   * answer from wherever between two times it is asked: a time belongs to the expression, not to the question.
   */
  readonly next: (afterMs: number) => number | null;
}

/**
 * Evaluates cron expressions that `cronFaults` has passed. A time that the clock skips, of an expression with one minute
 * and one hour, comes at the end of the gap; one that the clock repeats comes the first time only. With more of either it
 * follows the clock: what is skipped doesn't come, what is repeated comes twice.
 */
export interface Calendar {
  /** @throws AppError `invalid_input` with the pointer `/time_zone` or `/cron`. */
  open(cron: string, timeZone: string): Occurrences;
}
