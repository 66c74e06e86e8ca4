import { describe, expect, it } from 'vitest';
import { docLinkFaults } from './doc-links.ts';
import { repositoryOf, thisRepository } from './repository.ts';

const faults = (text: string) =>
  docLinkFaults(repositoryOf({ 'docs/a.md': text, 'docs/b.md': '# The `way` of a plan\n', 'core/x.ts': '' }));

describe('links in documents', () => {
  it('of this repository lead somewhere', () => {
    expect(docLinkFaults(thisRepository())).toEqual([]);
  });

  it.each([
    '[b](b.md)',
    '[b](b.md#the-way-of-a-plan)',
    '[c](../core/)',
    '[c](../core/x.ts)',
    '[w](https://x.org/y)',
  ])('may be %s', (link) => {
    expect(faults(link)).toEqual([]);
  });

  it.each(['[b](c.md)', '[b](b.md#elsewhere)', '[c](../apps/)', '[here](#nothing)'])(
    'may not be %s',
    (link) => {
      expect(faults(link)).toHaveLength(1);
    },
  );

  it('are not looked for in code', () => {
    expect(faults('```\n[b](c.md)\n```\n`[b](c.md)`')).toEqual([]);
  });
});
