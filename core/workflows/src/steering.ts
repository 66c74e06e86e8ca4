import { z } from 'zod';

const id = z.string().min(1).max(200);
const instant = z.int().nonnegative();
const why = z.string().max(500);

/** Who has a hand on a run, since when and why. `paused` starts nothing; `taken_over` is a person's work by hand. */
export const Hold = z.strictObject({
  kind: z.enum(['paused', 'taken_over']),
  by: id,
  reason: z.string().max(1000),
  at_ms: instant,
});
export type Hold = z.infer<typeof Hold>;

/** What a person declared done without its having run or been verified. */
export const Skipped = z.strictObject({
  step_id: id.nullable(),
  /** Empty when the step itself was skipped; else its checks, or the plan's where there is no step. */
  check_ids: z.array(id),
  by: id,
  reason: z.string().max(1000),
  at_ms: instant,
});
export type Skipped = z.infer<typeof Skipped>;

/** What people may do with a run that waits for them, told whenever it changes. */
export const Steering = z.strictObject({
  held: Hold.nullable(),
  /** Forward steps have stopped for good: what was written is undone once the run goes on. */
  stopping: z.boolean(),
  /** Failures whose consequence waits until the run goes on. */
  undecided: z.array(z.strictObject({ step_id: id.nullable(), reason: why })),
  /** For `retry` and `skip`: null where they are allowed, else why not and what to do instead. */
  steps: z.array(
    z.strictObject({
      step_id: id,
      phase: id,
      attempt: z.int().nonnegative(),
      retry: why.nullable(),
      skip: why.nullable(),
    }),
  ),
  /** Checks of the plan's end that may be skipped. */
  skippable_checks: z.array(id),
  skipped: z.array(Skipped),
  /** When the maximum run time is over; null before the run has begun, and once nothing more starts forward. */
  deadline_ms: instant.nullable(),
});
export type Steering = z.infer<typeof Steering>;
