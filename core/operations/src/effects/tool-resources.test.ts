import { expect, it } from 'vitest';
import { createHarness, steeredRun, TENANT } from '../testing/index.ts';
import { createEvidenceSink } from './router-records.ts';
import { readEvidence, readToolCall } from './tool-resources.ts';

const { signal } = new AbortController();
const textOf = (bytes: Uint8Array): unknown => JSON.parse(new TextDecoder().decode(bytes)) as unknown;

async function withEvidence() {
  const harness = createHarness();
  const { store, services } = harness;
  const evidenceId = await createEvidenceSink(services).put({
    kind: 'http_get',
    tool: 'http',
    action: 'get',
    target: 'http:shop',
    context: { tenant_id: TENANT, environment: 'production' },
    executionId: null,
    epoch: null,
    investigationId: null,
    planId: 'pl_1',
    data: { status: 200 },
  });
  return { harness, ports: { store, objects: services.objects }, evidenceId };
}

it('gives evidence whole to its tenant, and to no other', async () => {
  const { ports, evidenceId } = await withEvidence();
  expect(textOf(await readEvidence(ports, TENANT, evidenceId, signal))).toMatchObject({
    evidence_id: evidenceId,
    source: { tool: 'http', action: 'get', target: 'http:shop' },
    data: { status: 200 },
  });
  const missing = { code: 'not_found' };
  await expect(readEvidence(ports, 'other', evidenceId, signal)).rejects.toMatchObject(missing);
  await expect(readEvidence(ports, TENANT, 'ev_none', signal)).rejects.toMatchObject(missing);
});

it('gives no evidence whose bytes are not those that were stored', async () => {
  const { harness, ports, evidenceId } = await withEvidence();
  for (const key of harness.objects.keys()) harness.objects.set(key, new TextEncoder().encode('{"data":{}}'));
  await expect(readEvidence(ports, TENANT, evidenceId, signal)).rejects.toThrow(/was altered/);
});

it('gives a call of a run to its tenant, and calls of no run to nobody', async () => {
  const { harness, id } = await steeredRun('parked');
  const { store, objects } = { store: harness.store, objects: harness.services.objects };
  const call = {
    tool: 'note',
    action: 'write',
    kind: 'write',
    input_digest: 'sha256:0',
    epoch: 1,
    process: 1,
    state: 'done',
    response: { output: { word: 'after' } },
    code: null,
    begun_at: '2026-01-01T00:00:00.000Z',
    ended_at: '2026-01-01T00:00:01.000Z',
  } as const;
  await store.transaction(async (tx) => {
    await tx.insertToolCall({ ...call, key: 'of-a-run', execution_id: id });
    await tx.insertToolCall({ ...call, key: 'of-none', execution_id: null });
  });
  expect(textOf(await readToolCall({ store, objects }, TENANT, 'of-a-run'))).toMatchObject({
    key: 'of-a-run',
    state: 'done',
    response: { output: { word: 'after' } },
  });
  const missing = { code: 'not_found' };
  await expect(readToolCall({ store, objects }, 'other', 'of-a-run')).rejects.toMatchObject(missing);
  await expect(readToolCall({ store, objects }, TENANT, 'of-none')).rejects.toMatchObject(missing);
});
