import { sha256Hex } from '@carapulse/kernel';

/**
 * How long after its nominal time a firing is due, in whole milliseconds from 0 to `jitterS` seconds. The same for the
 * same schedule and time, in whichever process and however often it is asked; spread evenly over both.
 */
export function jitterMs(scheduleId: string, nominalAt: string, jitterS: number): number {
  if (jitterS === 0) return 0;
  const drawn = Number.parseInt(sha256Hex(`${scheduleId} ${nominalAt}`).slice(0, 12), 16);
  return Math.floor((drawn / 2 ** 48) * jitterS * 1000);
}
