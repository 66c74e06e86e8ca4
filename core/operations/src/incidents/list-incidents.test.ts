import { describe, expect, it } from 'vitest';
import { invoke } from '../operation.ts';
import { createHarness } from '../testing/index.ts';
import { listIncidents } from './list-incidents.ts';

const incidentId = (digit: number): string => `inc_${String(digit).repeat(26)}`;

async function setUp() {
  const harness = createHarness();
  for (const [digit, status] of [
    [1, 'open'],
    [2, 'closed'],
    [3, 'resolved'],
  ] as const)
    await harness.storeIncident({ incident_id: incidentId(digit), group_key: `g${digit}`, status });
  const list = async (input: object, tenant_id = 'acme') => {
    const page = await invoke(listIncidents, harness.as({ id: 'user:bob', tenant_id }), input);
    return { ids: page.items.map(({ incident_id }) => incident_id), next: page.next };
  };
  return { harness, list };
}

describe('list-incidents', () => {
  it.each([
    ['everything', {}, [3, 2, 1]],
    ['one status', { status: ['open'] }, [1]],
    ['several', { status: ['open', 'resolved'] }, [3, 1]],
    ['a status that none has', { status: ['mitigating'] }, []],
  ])('gives by %s, newest first', async (_, input, digits) => {
    const { list } = await setUp();
    expect(await list(input)).toEqual({ ids: digits.map(incidentId), next: null });
  });

  it('goes on where the former page ended, until there are no more', async () => {
    const { list } = await setUp();
    const first = await list({ limit: 2 });
    expect(first).toEqual({ ids: [incidentId(3), incidentId(2)], next: incidentId(2) });
    expect(await list({ limit: 2, after: first.next })).toEqual({ ids: [incidentId(1)], next: null });
  });

  it("shows nothing of another tenant's", async () => {
    expect((await (await setUp()).list({}, 'other')).ids).toEqual([]);
  });

  it.each([{ limit: 0 }, { limit: 201 }, { status: ['gone'] }, { state: 'open' }])(
    'refuses %o',
    async (input) => {
      const { harness, list } = await setUp();
      expect(await harness.refusal(() => list(input))).toMatchObject({ code: 'invalid_input' });
    },
  );
});
