/** Who waits for a run that ends in this process hears of it at once; of others a poll tells. */
export class Endings {
  readonly #ends = new Map<string, PromiseWithResolvers<void>>();

  /** The run is driven here. */
  expect(runId: string): void {
    if (!this.#ends.has(runId)) this.#ends.set(runId, Promise.withResolvers<void>());
  }

  tell(runId: string): void {
    this.#ends.get(runId)?.resolve();
    this.#ends.delete(runId);
  }

  /** Waits for so long, or until the signal. True when the run ended here meanwhile. */
  async pause(runId: string, pauseMs: number, signal: AbortSignal): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => resolve(false), pauseMs);
    const onAbort = (): void => resolve(false);
    signal.addEventListener('abort', onAbort, { once: true });
    void this.#ends.get(runId)?.promise.then(() => resolve(true));
    const ended = await promise;
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
    return ended;
  }
}
