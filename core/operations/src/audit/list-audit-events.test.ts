import { describe, expect, it } from 'vitest';
import { commitAudited, invoke } from '../operation.ts';
import { createHarness } from '../testing/index.ts';
import { listAuditEvents } from './list-audit-events.ts';

async function setUp() {
  const harness = createHarness();
  const rows = [
    ['user:bob', 'acme', 'plan.create', 'p1'],
    ['user:eve', 'acme', 'plan.create', 'p2'],
    ['user:mallory', 'other', 'plan.create', 'p1'],
    ['user:bob', 'acme', 'plan.cancel', 'p1'],
  ] as const;
  for (const [id, tenant_id, action, subject] of rows) {
    await commitAudited(harness.as({ id, tenant_id }), async () => ({
      result: null,
      audit: { action, phase: 'event', subject: { kind: 'plan', id: subject }, details: {} },
      events: [],
    }));
  }
  const list = async (input: object, tenant_id = 'acme') => {
    const page = await invoke(listAuditEvents, harness.as({ id: 'user:carol', tenant_id }), input);
    return { seqs: page.items.map(({ seq }) => seq), next: page.next };
  };
  return { harness, list };
}

describe('list-audit-events', () => {
  it.each([
    ['everything', {}, [4, 2, 1]],
    ['action', { action: 'plan.create' }, [2, 1]],
    ['actor', { actor_id: 'user:bob' }, [4, 1]],
    ['subject', { subject_id: 'p1' }, [4, 1]],
    ['all of them', { action: 'plan.create', actor_id: 'user:bob', subject_id: 'p1' }, [1]],
    ['a part of a name', { action: 'plan' }, []],
  ])("gives the tenant's own by %s, newest first", async (_, input, seqs) => {
    const { list } = await setUp();
    expect(await list(input)).toEqual({ seqs, next: null });
  });

  it('goes on where the former page ended, until there are no more', async () => {
    const { list } = await setUp();
    const first = await list({ limit: 2 });
    expect(first).toEqual({ seqs: [4, 2], next: '2' });
    expect(await list({ limit: 2, after: first.next })).toEqual({ seqs: [1], next: null });
  });

  it('shows another tenant theirs, and leaves no trace: reading is not an act', async () => {
    const { harness, list } = await setUp();
    expect((await list({}, 'other')).seqs).toEqual([3]);
    expect(await harness.audit()).toHaveLength(4);
  });

  it.each([{ after: 'x' }, { limit: 0 }, { limit: 201 }, { action: '' }, { actor: 'user:bob' }])(
    'refuses %o',
    async (input) => {
      const { harness, list } = await setUp();
      expect(await harness.refusal(() => list(input))).toMatchObject({ code: 'invalid_input', audited: [] });
    },
  );
});
