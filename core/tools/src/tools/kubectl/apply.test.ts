import type { JsonObject } from '@carapulse/kernel';
import { expect, test } from 'vitest';
import { FakeCluster, OBJECT_UID, refusal } from './kubectl.testing.ts';
import type { Answer } from './kubectl.testing.ts';

const MAP = '/api/v1/namespaces/shop/configmaps/c';
const manifest = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'c', namespace: 'shop' },
  data: { text: 'new' },
};
const ok = (body: unknown): Answer => ({ status: 200, body });

function live(text: string, over: object = {}) {
  const metadata = { name: 'c', namespace: 'shop', uid: OBJECT_UID, resourceVersion: '7', ...over };
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { text } };
}

/** `live()` is what is there at each read; dry runs answer with `result`. */
function world(
  found: () => object | null,
  answers: { readonly dry?: Answer; readonly write?: () => Answer } = {},
): FakeCluster {
  return new FakeCluster(({ what, query }) => {
    if (what === `GET ${MAP}`) return found() === null ? undefined : ok(found());
    if (what !== `PATCH ${MAP}`) return undefined;
    if (query.get('dryRun') === 'All') return answers.dry ?? ok(live('new'));
    return (answers.write ?? (() => ok(live('new', { resourceVersion: '8' }))))();
  });
}

async function planned(found: object | null): Promise<JsonObject> {
  const preview = await world(() => found).call('apply_preview', { namespace: 'shop', manifest });
  expect(preview['kind']).toBe('applicable');
  return preview['forward'] as JsonObject;
}

function writesOf(cluster: FakeCluster): readonly (JsonObject | null)[] {
  return cluster.writes.filter(({ query }) => !query.has('dryRun')).map(({ body }) => body);
}

test('what was previewed is applied for the version that was looked at', async () => {
  const cluster = world(() => live('old'));
  expect(await cluster.call('apply', await planned(live('old')))).toMatchObject({
    uid: OBJECT_UID,
    resource_version: '8',
    changed: true,
  });
  expect(writesOf(cluster)).toEqual([
    { ...manifest, metadata: { ...manifest.metadata, resourceVersion: '7' } },
  ]);
});

test.each([
  ['another object under the name', () => live('old', { uid: 'other' }), {}, 'object_differs'],
  ['another content', () => live('other'), {}, 'object_differs'],
  ['an object that is gone', () => null, {}, 'object_differs'],
  ['another result', () => live('old'), { dry: ok(live('mutated')) }, 'result_differs'],
])('%s makes the plan stale, and nothing is written', async (_what, found, answers, reason) => {
  const cluster = world(found, answers);
  await expect(cluster.call('apply', await planned(live('old')))).rejects.toMatchObject({
    code: 'plan_stale',
    details: { effect: 'none', reason },
  });
  expect(writesOf(cluster)).toEqual([]);
});

test('an object that must not be there is not written over', async () => {
  const cluster = world(() => live('theirs'));
  await expect(cluster.call('apply', await planned(null))).rejects.toMatchObject({
    details: { effect: 'none', reason: 'object_differs' },
  });
  expect(writesOf(cluster)).toEqual([]);
});

test('what is there already is left as it is', async () => {
  const cluster = world(() => live('new'));
  expect(await cluster.call('apply', await planned(live('old')))).toMatchObject({ changed: false });
  expect(writesOf(cluster)).toEqual([]);
});

test('what Argo CD tracks, and fields that others own, are refused by name', async () => {
  const tracked = live('old', { annotations: { 'argocd.argoproj.io/tracking-id': 'a' } });
  const owned = refusal(409, 'Conflict', 'Apply failed with 1 conflict: conflict with "helm": .data.text');
  for (const [found, dry, name] of [
    [tracked, ok(live('new')), 'Argo CD'],
    [live('old'), owned, 'helm'],
  ] as const) {
    const cluster = world(() => found, { dry });
    expect(await cluster.call('apply_preview', { namespace: 'shop', manifest })).toMatchObject({
      kind: 'refused',
      reason: 'field_owned',
      detail: expect.stringContaining(name) as string,
    });
    await expect(cluster.call('apply', await planned(live('old')))).rejects.toMatchObject({
      code: 'forbidden',
      details: { effect: 'none', reason: 'field_owned' },
    });
    expect(writesOf(cluster)).toEqual([]);
  }
});

test('a write of somebody in between is looked at anew', async () => {
  let version = 7;
  const cluster = world(() => live('old', { resourceVersion: String(version) }), {
    write: () => {
      version += 1;
      return version === 8 ? refusal(409, 'Conflict', 'Operation cannot be fulfilled') : ok(live('new'));
    },
  });
  expect(await cluster.call('apply', await planned(live('old')))).toMatchObject({ changed: true });
  expect(writesOf(cluster).map((body) => JSON.stringify(body?.['metadata']))).toEqual([
    expect.stringContaining('"resourceVersion":"7"'),
    expect.stringContaining('"resourceVersion":"8"'),
  ]);
});

test('a change has an undo that leaves out what it adds; what is new, or takes something away, has none', async () => {
  const previewOf = (found: object | null, dry: Answer): Promise<JsonObject> =>
    world(() => found, { dry }).call('apply_preview', { namespace: 'shop', manifest });
  const changed = await previewOf(live('old'), ok(live('new')));
  expect(changed['undo']).toMatchObject({
    manifest: { ...manifest, data: { text: 'old' } },
    expected_live: expect.stringMatching(/^sha256:/) as string,
    expected_result: expect.not.stringMatching(
      (changed['forward'] as { expected_result: string }).expected_result,
    ) as string,
  });
  const added = await previewOf(
    { ...live('old'), data: { other: 'x' } },
    ok({ ...live('new'), data: { other: 'x', text: 'new' } }),
  );
  expect(added).toMatchObject({ undo: { manifest: { data: {} } } });
  expect(await previewOf(null, ok(live('new')))).toMatchObject({ kind: 'applicable', undo: null });
  const removed = await previewOf({ ...live('old'), data: { text: 'old', gone: 'x' } }, ok(live('new')));
  expect(removed).toMatchObject({ kind: 'applicable', undo: null });
});

test('the books of controllers and marks of steps are no difference', async () => {
  const books = { 'deployment.kubernetes.io/revision': '3', 'carapulse/last-write': 'k' };
  const forward = await planned(live('old'));
  const cluster = world(() => live('old', { annotations: books }), {
    dry: ok(live('new', { annotations: books })),
  });
  expect(await cluster.call('apply', forward)).toMatchObject({ changed: true });
});

test('a namespace other than the manifest’s is no input', async () => {
  const preview = { namespace: 'other', manifest };
  await expect(async () => world(() => null).call('apply_preview', preview)).rejects.toThrow(
    /namespace of the manifest/,
  );
});

test('a preview shows no value that stands beside the name of a secret', async () => {
  const path = '/apis/apps/v1/namespaces/shop/deployments/web';
  const deploy = (value: string, image: string) => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'shop' },
    spec: { template: { spec: { containers: [{ image, env: [{ name: 'DB_PASSWORD', value }] }] } } },
  });
  const there = (value: string, image: string) => ({
    ...deploy(value, image),
    metadata: { name: 'web', namespace: 'shop', uid: OBJECT_UID, resourceVersion: '7' },
  });
  const cluster = new FakeCluster(({ what }) => {
    if (what === `GET ${path}`) return ok(there('hunter2', 'web:1'));
    return what === `PATCH ${path}` ? ok(there('hunter3', 'web:2')) : undefined;
  });
  const preview = await cluster.call('apply_preview', {
    namespace: 'shop',
    manifest: deploy('hunter3', 'web:2'),
  });
  const container = '/spec/template/spec/containers/0';
  expect(preview['changes']).toEqual([
    { path: `${container}/env/0/value`, before: '[redacted:secret]', after: '[redacted:secret]' },
    { path: `${container}/image`, before: 'web:1', after: 'web:2' },
  ]);
});
