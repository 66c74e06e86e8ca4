import { AppError, toAppError } from '@carapulse/kernel';
import type { Services } from '../services.ts';

const ASK_MS = 1000;

/**
 * Asks for a write, and again while another attempt of it is still at work: that one may have its effect yet, so
 * meeting it is no failure that the step's own retries and preconditions could judge.
 * @param ask is told whether it asks again.
 * @throws AppError what `ask` threw; `outcome_unknown` for any failure once another attempt was met.
 */
export async function afterOtherAttempt<T>(
  { sleep }: Pick<Services, 'sleep'>,
  signal: AbortSignal,
  ask: (again: boolean) => Promise<T>,
): Promise<T> {
  let met = false;
  for (;;) {
    try {
      return await ask(met);
    } catch (error) {
      const failure = toAppError(error);
      const atWork = failure.code === 'idempotency_in_progress';
      if (!(met ||= atWork) || failure.code === 'outcome_unknown') throw error;
      if (atWork) await sleep(ASK_MS, signal).catch(() => {});
      if (atWork && !signal.aborted) continue;
      throw new AppError(
        'outcome_unknown',
        `Whether it happened is not known: another attempt was at work on it, and then: ${failure.message}`,
        { cause: error },
      );
    }
  }
}
