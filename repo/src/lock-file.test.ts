import { describe, expect, it } from 'vitest';
import { completed, missingOptional, platformOf } from '../complete-lock.mjs';
import { lockFaults } from './lock-file.ts';
import { repositoryOf, thisRepository } from './repository.ts';

const leaf = { version: '1.0.0', integrity: 'sha512-x' };
const native = {
  ...leaf,
  dev: true,
  optionalDependencies: { '@n/linux-x64': '1.0.0', '@n/darwin-arm64': '1.0.0' },
};
const here = { ...leaf, os: ['linux'], cpu: ['x64'], optional: true };
const dependencies = { native: '1.0.0' };
const whole = {
  '': { dependencies },
  'node_modules/native': native,
  'node_modules/@n/linux-x64': here,
  'node_modules/@n/darwin-arm64': { version: '1.0.0', os: ['darwin'], cpu: ['arm64'], optional: true },
};
const faults = (packages: object, manifest: object = { dependencies }) =>
  lockFaults(
    repositoryOf({
      'package.json': JSON.stringify({ name: 'root', ...manifest }),
      'package-lock.json': JSON.stringify({ packages }),
    }),
  );

describe('the lock file', () => {
  it('of this repository is in sync, whole and tied to no registry', () => {
    expect(lockFaults(thisRepository())).toEqual([]);
  });

  it('may lack the checksum of another platform only', () => {
    expect(faults(whole)).toEqual([]);
    expect(faults({ ...whole, 'node_modules/native': { ...native, integrity: undefined } })).toHaveLength(1);
    expect(faults({ ...whole, 'node_modules/@n/linux-x64': { ...here, integrity: undefined } })).toHaveLength(
      1,
    );
  });

  it.each([
    ['another platform missing', { ...whole, 'node_modules/@n/darwin-arm64': undefined }],
    ['a package.json that moved on', { ...whole, '': { dependencies: { native: '0.9.0' } } }],
    [
      'a download address',
      { ...whole, 'node_modules/native': { ...native, resolved: 'https://host/n.tgz' } },
    ],
  ])('is refused with %s', (_, packages) => {
    expect(faults(packages)).toHaveLength(1);
  });

  it('is completed with entries of other platforms, and then lacks nothing', () => {
    const { 'node_modules/@n/darwin-arm64': _removed, ...partial } = whole;
    const { lock, added } = completed({ packages: partial });
    expect(added).toEqual(['node_modules/@n/darwin-arm64']);
    expect(lock.packages['node_modules/@n/darwin-arm64']).toEqual({
      version: '1.0.0',
      os: ['darwin'],
      cpu: ['arm64'],
      dev: true,
      optional: true,
    });
    expect(missingOptional(lock)).toEqual([]);
  });

  it('is not completed with a package that a supported platform installs', () => {
    const { 'node_modules/@n/linux-x64': _removed, ...partial } = whole;
    expect(() => completed({ packages: partial })).toThrow(/lacks @n\/linux-x64/);
  });

  it.each([
    ['@oxfmt/binding-linux-arm-gnueabihf', { os: ['linux'], cpu: ['arm'], libc: ['glibc'] }],
    ['@oxlint/binding-linux-x64-musl', { os: ['linux'], cpu: ['x64'], libc: ['musl'] }],
    ['@oxlint-tsgolint/win32-arm64', { os: ['win32'], cpu: ['arm64'] }],
    ['zod', null],
  ])('reads the platform of %s from its name', (name, platform) => {
    expect(platformOf(name)).toEqual(platform);
  });
});
