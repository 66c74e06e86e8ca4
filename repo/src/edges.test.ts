import { describe, expect, it } from 'vitest';
import { CORE_EDGES, edgeFaults, RING_EDGES } from './edges.ts';
import { repositoryOf, thisRepository } from './repository.ts';

const repository = thisRepository();

function withSource(path: string, source: string): readonly string[] {
  const manifest = (name: string) => JSON.stringify({ name: `@carapulse/${name}` });
  return edgeFaults(
    repositoryOf({
      'package.json': manifest('root'),
      'core/kernel/package.json': manifest('kernel'),
      'core/plan/package.json': manifest('plan'),
      'adapters/one/package.json': manifest('one'),
      'adapters/two/package.json': manifest('two'),
      'apps/app/package.json': manifest('app'),
      'apps/other/package.json': manifest('other'),
      'examples/shop/package.json': manifest('shop'),
      [path]: source,
    }),
  );
}

describe('the edges of the rings', () => {
  it('hold in this repository', () => {
    expect(edgeFaults(repository)).toEqual([]);
  });

  it('name every folder there is, and no other', () => {
    const below = (ring: string): readonly string[] => [
      ...new Set(
        repository.files
          .filter((path) => path.startsWith(`${ring}/`))
          .map((path) => path.split('/')[1] ?? ''),
      ),
    ];
    expect(new Set(Object.keys(CORE_EDGES))).toEqual(new Set(below('core')));
    for (const ring of Object.keys(RING_EDGES)) expect(below(ring)).not.toEqual([]);
  });

  it('have no cycle in core', () => {
    const reaches = (from: string, seen: readonly string[]): void => {
      expect(seen).not.toContain(from);
      for (const to of CORE_EDGES[from] ?? []) reaches(to, [...seen, from]);
    };
    for (const folder of Object.keys(CORE_EDGES)) reaches(folder, []);
  });

  it.each([
    ['core against its table', 'core/kernel/src/x.ts', `import { Plan } from '@carapulse/plan';`],
    ['core from an adapter', 'core/plan/src/x.ts', `export * from '@carapulse/one';`],
    ['core with a vendor library', 'core/plan/src/x.ts', `import pg from 'pg';`],
    ['core with input or output', 'core/plan/src/x.ts', `import { readFileSync } from 'node:fs';`],
    ['an adapter from an adapter', 'adapters/one/src/x.ts', `import type { A } from '@carapulse/two';`],
    ['an app from an app', 'apps/app/src/x.ts', `import { two } from '@carapulse/other';`],
    ['an adapter from an app, late', 'adapters/one/src/x.ts', `const app = await import('@carapulse/app');`],
    ['a type from an app', 'adapters/one/src/x.ts', `type A = import('@carapulse/app/config').A;`],
    ['an example from the plan', 'examples/shop/src/x.ts', `export { Plan } from '@carapulse/plan';`],
    ['a path out of the package', 'core/plan/src/x.ts', `import { id } from '../../kernel/src/ids.ts';`],
    ['native from core', 'native/x.ts', `import '@carapulse/kernel';`],
    ['a package from itself', 'core/plan/src/x.ts', `import { x } from '@carapulse/plan';`],
  ])('refuse %s', (_, path, source) => {
    expect(withSource(path, source)).toHaveLength(1);
  });

  it.each([
    ['core inward', 'core/plan/src/x.ts', `import { id } from '@carapulse/kernel'; import { z } from 'zod';`],
    ['an app of an adapter', 'apps/app/src/x.ts', `import { one } from '@carapulse/one';`],
    ['a test with files', 'core/plan/src/x.test.ts', `import { readFileSync } from 'node:fs';`],
    [
      'a word in a string or comment',
      'core/plan/src/x.ts',
      `// import pg from 'pg';\nconst a = "import 'pg'";`,
    ],
  ])('allow %s', (_, path, source) => {
    expect(withSource(path, source)).toEqual([]);
  });
});
