import type { Clock } from '@carapulse/kernel';

/** For so long a line that says the same again is left out. */
const QUIET_MS = 60_000;
/** So many different lines are remembered; what is told more rarely than those needs no quiet. */
const MOST_LINES = 1000;

/**
 * Keeps a fault that is met again and again, as by each loop while the database is away, from filling the log: it is
 * told at once, and then once a minute.
 * @returns of a line's text without its time: how many were left out since it was told last, or null to leave it out.
 */
export function createRepeats({ monotonicMs }: Pick<Clock, 'monotonicMs'>): (text: string) => number | null {
  const told = new Map<string, { readonly atMs: number; left: number }>();
  return (text) => {
    const nowMs = monotonicMs();
    const last = told.get(text);
    if (last !== undefined && nowMs - last.atMs < QUIET_MS) {
      last.left += 1;
      return null;
    }
    told.delete(text);
    told.set(text, { atMs: nowMs, left: 0 });
    const [oldest] = told.keys();
    if (told.size > MOST_LINES && oldest !== undefined) told.delete(oldest);
    return last?.left ?? 0;
  };
}
