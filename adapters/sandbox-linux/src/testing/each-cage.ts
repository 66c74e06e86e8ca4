import { describe, expect, it } from 'vitest';
import type { Cage, Lab } from './lab.ts';

/**
 * The cases once for each backend; one this machine lacks is skipped by name, and fails in CI.
 * `kernels: true` adds the launcher as it works on kernels with older versions of Landlock.
 */
export function eachCage(
  lab: Lab,
  options: { readonly kernels: boolean },
  cases: (cage: Cage) => void,
): void {
  const cages = lab.cages.filter((cage) => options.kernels || !cage.name.includes('Landlock'));
  const present = cages.filter((cage) => cage.missing === null);
  describe.each(present.map((cage) => [cage.name, cage] as const))('%s', (_name, cage) => {
    cases(cage);
  });
  const absent = cages.filter((cage) => cage.missing !== null);
  it.skipIf(process.env['CI'] !== 'true').each(absent.map((cage) => [cage.name, cage.missing] as const))(
    '%s works on this machine (%s)',
    (_name, missing) => {
      expect(missing).toBeNull();
    },
  );
}
