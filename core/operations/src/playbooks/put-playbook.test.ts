import { describe, expect, it } from 'vitest';
import { DOCUMENT } from '@carapulse/planning/testing';
import { invoke } from '../operation.ts';
import { createHarness } from '../testing/index.ts';
import { putPlaybook } from './put-playbook.ts';

function setUp() {
  const harness = createHarness();
  const put = (document: unknown, change: object = {}, tenant_id = 'acme') =>
    invoke(putPlaybook, harness.as({ id: 'user:root', roles: ['admin'], tenant_id }), {
      source: 'playbooks/take-back.yaml',
      yaml: JSON.stringify(document),
      ...change,
    });
  return { harness, put };
}

describe('put-playbook', () => {
  it('stores a playbook as it was written, switched on, audited with its digest', async () => {
    const { harness, put } = setUp();
    const record = await put(DOCUMENT);
    expect(record).toMatchObject({
      name: 'take-back',
      tenant_id: 'acme',
      source: 'playbooks/take-back.yaml',
      document: DOCUMENT,
      enabled: true,
      updated_at: new Date(harness.nowMs).toISOString(),
    });
    expect(await harness.store.read.playbooks('acme')).toEqual([record]);
    expect(await harness.audit()).toMatchObject([
      {
        action: 'playbook.put',
        actor: { id: 'user:root' },
        subject: { kind: 'playbook', id: 'take-back' },
        outcome: { result: 'ok' },
        details: { digest: record.digest, source: 'playbooks/take-back.yaml' },
      },
    ]);
  });

  it('replaces the one of its name, and only in its tenant', async () => {
    const { harness, put } = setUp();
    const first = await put(DOCUMENT);
    const theirs = await put(DOCUMENT, {}, 'other');
    const second = await put({ ...DOCUMENT, description: 'Better.' });
    expect(second.digest).not.toBe(first.digest);
    expect(await harness.store.read.playbooks('acme')).toEqual([second]);
    expect(await harness.store.read.playbooks('other')).toEqual([theirs]);
  });

  it('put again has the same digest', async () => {
    const { harness, put } = setUp();
    const [first, second] = [await put(DOCUMENT), await put(DOCUMENT)];
    expect(second.digest).toBe(first.digest);
    expect(await harness.audit()).toHaveLength(2);
  });

  it.each([
    ['a document that cannot be read', DOCUMENT, { yaml: '{' }, /playbooks\/take-back\.yaml:1:1/],
    ['what is no playbook', { format: 1 }, {}, /playbooks\/take-back\.yaml:1:1/],
    ['what is not even an object', 7, {}, /playbooks\/take-back\.yaml/],
    ['no text', DOCUMENT, { yaml: '' }, /yaml/],
    ['no source', DOCUMENT, { source: '' }, /source/],
  ])('refuses %s, naming where', async (_, document, change, message) => {
    const { harness, put } = setUp();
    expect(await harness.refusal(() => put(document, change))).toMatchObject({
      code: 'invalid_input',
      audited: [],
    });
    await expect(put(document, change)).rejects.toThrow(message);
  });
});
