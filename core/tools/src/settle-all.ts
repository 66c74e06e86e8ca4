/**
 * Waits until all have ended, then gives their results or throws the first failure. Unlike `Promise.all` it leaves no
 * command running in a scratch directory that is about to go.
 */
export async function settleAll<T extends readonly Promise<unknown>[]>(
  work: readonly [...T],
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(work);
  return Promise.all(work) as Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }>;
}
