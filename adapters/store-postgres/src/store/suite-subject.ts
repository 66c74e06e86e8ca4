import { AppError } from '@carapulse/kernel';
import type { Store } from '@carapulse/operations';
import type { Database } from '../database.ts';

/**
 * What the store's suites run on; asked for in each test, since it is opened by a hook. The in-memory store of
 * core's tests has no database: what only SQL could get around is skipped there.
 */
export type SuiteSubject = () => { readonly database: Database | null; readonly store: Store };

/** How each of several calls at once ended: 'ok', or the code of its AppError. */
export async function settle(calls: ReadonlyArray<Promise<unknown>>): Promise<readonly string[]> {
  const results = await Promise.allSettled(calls);
  return results.map((result) => {
    if (result.status === 'fulfilled') return 'ok';
    return result.reason instanceof AppError ? result.reason.code : String(result.reason);
  });
}
