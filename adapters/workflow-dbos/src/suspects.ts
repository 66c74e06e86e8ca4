import type { Logger } from '@carapulse/kernel';
import { LOST_AT_MOST } from '@carapulse/workflows';
import type { HeldRun, RunHolds } from './run-holds.ts';

/**
 * Which activities may have cost the processes that tried them. What is written of it is written when a run is taken
 * over from a process that was lost, and before a suspect is tried alone: a run that goes well writes nothing.
 */
export interface Suspect {
  /** How many processes were lost while it was unanswered; from `ALONE_FROM` on, while it was being tried. */
  readonly lost: number;
  /** The epoch under which it was last tried alone. */
  readonly triedAt?: number;
}

/** By the activity's key. */
export type Suspects = Readonly<Record<string, Suspect>>;

/**
 * So many processes were lost with it: from now on it is tried while no other suspect of the process is, so that the
 * next loss tells it from those that merely were there.
 */
export const ALONE_FROM = 3;

/** After the process that held the run under `epoch` was lost: what was unanswered then, with this loss counted. */
export function countLoss(before: Suspects, unanswered: Iterable<string>, epoch: number): Suspects {
  const counted: Record<string, Suspect> = {};
  for (const key of unanswered) {
    const known = before[key] ?? { lost: 0 };
    const spared = known.lost >= ALONE_FROM && known.triedAt !== epoch;
    counted[key] = spared ? known : { ...known, lost: known.lost + 1 };
  }
  return counted;
}

/** The suspects of one process, one after the other, each until it has answered. */
export class Quarantine {
  #last: Promise<void> = Promise.resolve();

  /** Resolves when it is this one's turn, to what ends its turn. */
  async enter(): Promise<() => void> {
    const before = this.#last;
    const turn = Promise.withResolvers<void>();
    this.#last = before.then(() => turn.promise);
    await before;
    return turn.resolve;
  }
}

export interface RunSuspectsDeps {
  readonly holds: Pick<RunHolds, 'suspect'>;
  readonly quarantine: Quarantine;
  readonly logger: Logger | undefined;
}

/** The suspects of one run, as long as it is held. */
export class RunSuspects {
  readonly #deps: RunSuspectsDeps;
  readonly #held: HeldRun;
  #suspects: Suspects;

  constructor(deps: RunSuspectsDeps, held: HeldRun) {
    this.#deps = deps;
    this.#held = held;
    this.#suspects = held.suspects;
  }

  /**
   * Counts the loss of the run's last process against what is unanswered, if it was lost.
   * @returns the keys that have cost too many and how many; null when that can't be kept.
   */
  async judge(unanswered: readonly string[]): Promise<ReadonlyMap<string, number> | null> {
    if (this.#held.lost) {
      this.#suspects = countLoss(this.#suspects, unanswered, this.#held.hold.epoch - 1);
      if (!(await this.#keep())) return null;
    }
    const costs = unanswered.map((key) => [key, this.#suspects[key]?.lost ?? 0] as const);
    return new Map(costs.filter(([, lost]) => lost >= LOST_AT_MOST));
  }

  /**
   * Tries an activity: a suspect after it was kept that it is being tried, and while no other one is.
   * @returns null when it wasn't tried: that couldn't be kept, or `given` has become true while it waited.
   */
  async attempt<Answer>(
    key: string,
    given: () => boolean,
    work: () => Promise<Answer>,
  ): Promise<Answer | null> {
    const known = this.#suspects[key];
    if (known === undefined || known.lost < ALONE_FROM) return work();
    const done = await this.#deps.quarantine.enter();
    try {
      if (given()) return null;
      this.#suspects = { ...this.#suspects, [key]: { ...known, triedAt: this.#held.hold.epoch } };
      return (await this.#keep()) ? await work() : null;
    } finally {
      done();
    }
  }

  async #keep(): Promise<boolean> {
    const { runId, hold } = this.#held;
    try {
      return await this.#deps.holds.suspect(runId, hold, this.#suspects);
    } catch (error) {
      this.#deps.logger?.warn(
        'It could not be kept which activities cost processes; the run is taken up again',
        {
          run_id: runId,
          error: String(error),
        },
      );
      return false;
    }
  }
}
