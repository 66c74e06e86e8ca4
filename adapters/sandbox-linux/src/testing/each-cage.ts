import { describe, expect, it } from 'vitest';
import type { Cage, Lab } from './lab.ts';

/** The cases once for each backend; one this machine lacks is skipped by name, and fails in CI. */
export function eachCage(lab: Lab, cases: (cage: Cage) => void): void {
  for (const cage of lab.cages) {
    if (cage.missing === null) {
      describe(cage.name, () => cases(cage));
      continue;
    }
    it.skipIf(process.env['CI'] !== 'true')(`${cage.name} works on this machine: ${cage.missing}`, () => {
      expect(cage.missing).toBeNull();
    });
  }
}
