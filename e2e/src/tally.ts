import { expect } from 'vitest';

/** What one struck run came to. `expected` and `changes` are the target's own count of what was done to it. */
export interface Trial {
  /** The durable write at which it was struck. */
  readonly at: number;
  /** False when the run had ended before. */
  readonly struck: boolean;
  readonly status: string;
  /** Acknowledged words of people that were gone afterwards. */
  readonly forgotten: number;
  /** Steps that ran again after their end had been recorded. */
  readonly again: readonly string[];
  /** Effects that were asked for again under their key, and recognised. */
  readonly repeated: number;
  readonly expected: readonly number[];
  readonly changes: readonly number[];
}

/** The trials of a suite, and the one line that every suite says of itself. */
export class Tally {
  readonly #name: string;
  readonly #status: string;
  readonly #trials: Trial[] = [];

  /** `status` is how each run is to end. */
  constructor(name: string, status = 'succeeded') {
    this.#name = name;
    this.#status = status;
  }

  /** Fails at once where something was lost or done twice, so that the trial can still be looked at. */
  add(trial: Trial): void {
    this.#trials.push(trial);
    const { status, forgotten, again, changes } = trial;
    expect({ at: trial.at, status, forgotten, again, changes }).toEqual({
      at: trial.at,
      status: this.#status,
      forgotten: 0,
      again: [],
      changes: trial.expected,
    });
  }

  /** A run's last writes come after its end can be seen, so that the last kills may find it ended. */
  close(): void {
    const sum = (of: (trial: Trial) => number): number =>
      this.#trials.reduce((total, trial) => total + of(trial), 0);
    const off = (trial: Trial, sign: 1 | -1): number =>
      trial.expected.reduce(
        (total, wanted, at) => total + Math.max(0, sign * ((trial.changes[at] ?? 0) - wanted)),
        0,
      );
    const runs = this.#trials.length;
    const kills = this.#trials.filter(({ struck }) => struck).length;
    const lost = sum((trial) => trial.forgotten + off(trial, -1));
    const repeated = sum((trial) => trial.repeated);
    const duplicates = sum((trial) => off(trial, 1));
    console.info(
      `${this.#name}: ${runs} runs, ${kills} kills, ${lost} lost, ${repeated} repeated, ${duplicates} duplicate effects`,
    );
    expect({ lost, duplicates }).toEqual({ lost: 0, duplicates: 0 });
    expect(kills).toBeGreaterThanOrEqual(Math.floor(runs * 0.9));
  }
}
