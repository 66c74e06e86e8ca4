import { describe, expect, it } from 'vitest';
import { DOCUMENT } from '@carapulse/planning/testing';
import { invoke } from '../operation.ts';
import { createHarness } from '../testing/index.ts';
import { listPlaybooks } from './list-playbooks.ts';

async function setUp() {
  const harness = createHarness();
  const rows = [
    ['b', 'acme', true],
    ['a', 'acme', false],
    ['c', 'other', true],
  ] as const;
  await harness.store.transaction(async (tx) => {
    for (const [name, tenant_id, enabled] of rows)
      await tx.upsertPlaybook({
        name,
        tenant_id,
        digest: 'sha256:0',
        source: `${name}.yaml`,
        document: { ...DOCUMENT, name },
        enabled,
        updated_at: '2026-01-10T11:00:00.000Z',
      });
  });
  const list = async (tenant_id: string, input: object = {}) => {
    const found = await invoke(listPlaybooks, harness.as({ id: 'user:bob', tenant_id }), input);
    return found.map(({ name, enabled }) => ({ name, enabled }));
  };
  return { harness, list };
}

describe('list-playbooks', () => {
  it("gives the tenant's own by name, those that are switched off as well, and leaves no trace", async () => {
    const { harness, list } = await setUp();
    expect(await list('acme')).toEqual([
      { name: 'a', enabled: false },
      { name: 'b', enabled: true },
    ]);
    expect(await list('other')).toEqual([{ name: 'c', enabled: true }]);
    expect(await list('third')).toEqual([]);
    expect(await harness.audit()).toEqual([]);
  });

  it('takes no input', async () => {
    const { harness, list } = await setUp();
    expect(await harness.refusal(() => list('acme', { name: 'a' }))).toMatchObject({ code: 'invalid_input' });
  });
});
