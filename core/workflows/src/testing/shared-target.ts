/** What happened at the target: who came to do what, under which epoch. */
export interface Visit {
  readonly process: string;
  readonly key: string;
  readonly epoch: number;
}

/**
 * The world outside of all processes. It lets nobody act under an epoch older than the newest that it has seen of the
 * run, as the tool router and the store do, and counts what was done.
 */
export class SharedTarget {
  readonly entered: Visit[] = [];
  readonly done: Visit[] = [];
  readonly refused: Visit[] = [];
  readonly #newest = new Map<string, number>();
  readonly #gates = new Map<string, Promise<void>>();

  /** Whoever of the process comes for this key waits until the gate is opened. */
  hold(process: string, key: string): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#gates.set(`${process} ${key}`, promise);
    return resolve;
  }

  async enter(run: string, visit: Visit): Promise<boolean> {
    this.#newest.set(run, Math.max(visit.epoch, this.#newest.get(run) ?? 0));
    this.entered.push(visit);
    await this.#gates.get(`${visit.process} ${visit.key}`);
    return true;
  }

  effect(run: string, visit: Visit): boolean {
    const allowed = visit.epoch >= (this.#newest.get(run) ?? 0);
    (allowed ? this.done : this.refused).push(visit);
    return allowed;
  }

  /** How often the effect of a key was done. */
  count(key: string): number {
    return this.done.filter((visit) => visit.key === key).length;
  }
}
