import { describe, expect, it } from 'vitest';
import { packageListFaults } from './package-lists.ts';
import { repositoryOf, thisRepository } from './repository.ts';

const root = JSON.stringify({ name: 'root', devDependencies: { vitest: '5.1.1' } });
const faults = (manifest: object, source: string, path = 'core/a/src/x.ts') =>
  packageListFaults(
    repositoryOf({
      'package.json': root,
      'core/a/package.json': JSON.stringify({ name: 'a', ...manifest }),
      [path]: source,
    }),
  );

describe('the lists of packages', () => {
  it('are what this repository imports, exactly', () => {
    expect(packageListFaults(thisRepository())).toEqual([]);
  });

  it.each([
    ['an import that is not listed', {}, `import { z } from 'zod';`],
    ['a listed package that nothing imports', { dependencies: { zod: '4.6.7' } }, ''],
    ['an import of what only tests may use', { devDependencies: { zod: '4.6.7' } }, `import 'zod';`],
    ['a range', { dependencies: { zod: '^4.6.7' } }, `import 'zod/mini';`],
    ['a tag', { dependencies: { zod: 'latest' } }, `import 'zod';`],
    ['a test library in what ships', {}, `import { vi } from 'vitest';`],
    ['unused types', { devDependencies: { '@types/pg': '8.1.0' } }, ''],
  ])('refuse %s', (_, manifest, source) => {
    expect(faults(manifest, source)).not.toEqual([]);
  });

  it('refuse two versions of one package', () => {
    const other = { name: 'b', dependencies: { zod: '4.0.0' } };
    const contents = {
      'package.json': root,
      'core/a/package.json': JSON.stringify({ name: 'a', dependencies: { zod: '4.6.7' } }),
      'core/b/package.json': JSON.stringify(other),
      'core/a/src/x.ts': `import 'zod';`,
      'core/b/src/x.ts': `import 'zod';`,
    };
    expect(packageListFaults(repositoryOf(contents))).toEqual([
      'core/b/package.json has zod 4.0.0, another package 4.6.7',
    ]);
  });

  it('allow the shared test library in a test, and built-in modules', () => {
    expect(faults({}, `import { it } from 'vitest'; import 'node:fs';`, 'core/a/src/x.test.ts')).toEqual([]);
  });
});
