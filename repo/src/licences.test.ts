import { describe, expect, it } from 'vitest';
import { isPermissive, licenceFaults } from './licences.ts';
import { repositoryOf, thisRepository } from './repository.ts';

const faults = (entry: object, installed: string | null, path = 'node_modules/a') =>
  licenceFaults(
    repositoryOf({ 'package-lock.json': JSON.stringify({ packages: { [path]: entry } }) }),
    () => installed,
  );

describe('licences', () => {
  it('of everything that this repository installs are permissive', () => {
    expect(licenceFaults(thisRepository())).toEqual([]);
  });

  it.each([
    ['MIT', true],
    ['(MIT OR GPL-3.0)', true],
    ['(MIT AND GPL-3.0)', false],
    ['Apache-2.0 AND MIT', true],
    ['AGPL-3.0-only', false],
    ['BUSL-1.1', false],
  ])('%s is permissive: %s', (expression, permissive) => {
    expect(isPermissive(expression)).toBe(permissive);
  });

  it('are refused when copyleft, when not stated, and when the installed package says another', () => {
    expect(faults({ license: 'GPL-3.0' }, null)).toHaveLength(1);
    expect(faults({ integrity: 'sha512-x' }, null)).toHaveLength(1);
    expect(faults({ license: 'MIT' }, 'SSPL-1.0')).toHaveLength(1);
    expect(faults({ license: 'MPL-2.0' }, null, 'node_modules/lightningcss')).toHaveLength(1);
    expect(faults({ license: 'MPL-2.0', dev: true }, null, 'node_modules/lightningcss')).toEqual([]);
  });
});
