import { expect, test } from 'vitest';
import { apiOverHttp } from './api-over-http.ts';
import { CA, clusterWith, fakeServer, UID } from './cluster.testing.ts';
import { assertClusterIdentity, mintWriteToken } from './write-access.ts';

const KUBE_SYSTEM = '/api/v1/namespaces/kube-system';
const TOKEN = '/api/v1/namespaces/carapulse/serviceaccounts/writer/token';
const identity = { [`GET ${KUBE_SYSTEM}`]: { status: 200, body: { metadata: { uid: UID } } } };
const granted = { [`POST ${TOKEN}`]: { status: 201, body: { status: { token: 'minted' } } } };

test('a token is made for ten minutes by the standing one, once the cluster is identified', async () => {
  const { runtime, asked } = fakeServer({ ...identity, ...granted });
  expect(await mintWriteToken(runtime, clusterWith())).toBe('minted');
  expect(asked.map(({ method, url }) => `${method} ${new URL(url).pathname}`)).toEqual([
    `GET ${KUBE_SYSTEM}`,
    `POST ${TOKEN}`,
  ]);
  expect(asked.map(({ headers }) => headers['authorization'])).toEqual([
    'Bearer standing-token',
    'Bearer standing-token',
  ]);
  expect(JSON.parse(asked[1]?.body ?? '')).toMatchObject({
    kind: 'TokenRequest',
    spec: { expirationSeconds: 600 },
  });
  for (const { tls, egress } of asked) {
    expect(tls).toEqual({ ca: CA });
    expect(egress).toEqual([{ host: 'kubernetes.example', port: 6443, addresses: 'private' }]);
  }
});

test('another cluster gets no token and no write', async () => {
  const other = { status: 200, body: { metadata: { uid: UID.replace('7', '8') } } };
  const { runtime, asked } = fakeServer({ ...granted, [`GET ${KUBE_SYSTEM}`]: other });
  const refused = { code: 'plan_stale', details: { effect: 'none', reason: 'cluster_identity' } };
  await expect(assertClusterIdentity(runtime, clusterWith())).rejects.toMatchObject(refused);
  await expect(mintWriteToken(runtime, clusterWith())).rejects.toMatchObject(refused);
  expect(asked.filter(({ method }) => method !== 'GET')).toEqual([]);
});

test('without an account for writes nothing is asked, and the message says what to set', async () => {
  const { write_account: _, ...cluster } = clusterWith();
  const { runtime, asked } = fakeServer({ ...identity, ...granted });
  await expect(mintWriteToken(runtime, cluster)).rejects.toMatchObject({
    code: 'forbidden',
    message: expect.stringContaining('write_account: {namespace, name}') as string,
    details: { effect: 'none', reason: 'write_account_missing' },
  });
  expect(asked).toEqual([]);
});

test.each([403, 404, 500, 429])('a token refused with %i has had no effect', async (status) => {
  const body = { kind: 'Status', reason: 'Whatever', message: 'no' };
  const { runtime } = fakeServer({ ...identity, [`POST ${TOKEN}`]: { status, body } });
  await expect(mintWriteToken(runtime, clusterWith())).rejects.toMatchObject({
    retryable: status >= 429,
    details: { effect: 'none', status },
  });
});

test('an answer that holds no token, or no identity, has had no effect', async () => {
  const empty = { status: 201, body: { status: {} } };
  for (const answers of [
    { ...identity, [`POST ${TOKEN}`]: empty },
    { ...granted, [`GET ${KUBE_SYSTEM}`]: { status: 200, body: {} } },
  ]) {
    await expect(mintWriteToken(fakeServer(answers).runtime, clusterWith())).rejects.toMatchObject({
      code: 'tool_failed',
      details: { effect: 'none' },
    });
  }
});

test('a failure of the server leaves open whether a write happened, a refusal does not', async () => {
  const path = '/apis/apps/v1/namespaces/shop/deployments/web';
  const web = { kind: 'deployment', namespace: 'shop', name: 'web' } as const;
  for (const [status, effect] of [
    [500, undefined],
    [409, 'none'],
    [408, undefined],
    [302, undefined],
  ] as const) {
    const { runtime } = fakeServer({ [`PATCH ${path}`]: { status, body: 'no json' } });
    const failed = apiOverHttp(runtime, clusterWith(), 't').patch(web, {}, { type: 'merge' });
    const error = (await failed.catch((caught: unknown) => caught)) as { details: Record<string, unknown> };
    expect(error.details['effect']).toBe(effect);
  }
});

test('writes are asked under our field manager, never by force, and dry where asked', async () => {
  const path = '/apis/apps/v1/namespaces/shop/deployments/web';
  const web = { kind: 'deployment', namespace: 'shop', name: 'web' } as const;
  const { runtime, asked } = fakeServer({ [`PATCH ${path}`]: { status: 200, body: {} } });
  const api = apiOverHttp(runtime, clusterWith({ server: 'https://proxy.example/k8s/clusters/c-1' }), 't');
  await expect(api.patch(web, {}, { type: 'merge' })).rejects.toMatchObject({ details: { status: 404 } });
  const plain = apiOverHttp(runtime, clusterWith(), 't');
  await plain.patch(web, { a: 1 }, { type: 'strategic' });
  await plain.apply(web, { b: 1 }, { dryRun: true });
  const [below, patch, apply] = asked.map(({ url, headers }) => [
    new URL(url).pathname + new URL(url).search,
    headers['content-type'],
  ]);
  expect(below?.[0]).toBe(`/k8s/clusters/c-1${path}?fieldManager=carapulse`);
  expect(patch).toEqual([`${path}?fieldManager=carapulse`, 'application/strategic-merge-patch+json']);
  expect(apply).toEqual([
    `${path}?fieldManager=carapulse&fieldValidation=Strict&force=false&dryRun=All`,
    'application/apply-patch+yaml',
  ]);
});
