/** Waits until it holds, at most so long. */
export async function within(ms: number, holds: () => boolean): Promise<void> {
  const until = performance.now() + ms;
  while (!holds() && performance.now() < until) await new Promise((resolve) => setTimeout(resolve, 10));
}
