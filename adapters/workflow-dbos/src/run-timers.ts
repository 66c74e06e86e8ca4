import type { Clock } from '@carapulse/kernel';

const MAX_TIMER_MS = 30_000;

/** The timers of one run that are armed. A clock that is set back puts none off by more than was left of it. */
export class RunTimers {
  readonly #clock: Clock;
  readonly #fire: (key: string) => void;
  readonly #armed = new Map<string, NodeJS.Timeout>();

  constructor(clock: Clock, fire: (key: string) => void) {
    this.#clock = clock;
    this.#fire = fire;
  }

  /** `heardMs` is the latest instant that the journal has heard of. */
  arm(key: string, dueAtMs: number, heardMs: number): void {
    if (this.#armed.has(key)) return;
    const clock = this.#clock;
    const endMs = clock.monotonicMs() + Math.max(0, dueAtMs - Math.max(clock.nowMs(), heardMs));
    const leftMs = (): number => Math.min(dueAtMs - clock.nowMs(), endMs - clock.monotonicMs());
    const wait = (ms: number): void => {
      this.#armed.set(key, setTimeout(look, Math.min(Math.max(0, Math.ceil(ms)), MAX_TIMER_MS)));
    };
    const look = (): void => {
      const ms = leftMs();
      if (ms <= 0) this.#fire(key);
      else wait(ms);
    };
    wait(leftMs());
  }

  forget(key: string): void {
    clearTimeout(this.#armed.get(key));
    this.#armed.delete(key);
  }

  stop(): void {
    for (const timer of this.#armed.values()) clearTimeout(timer);
  }
}
