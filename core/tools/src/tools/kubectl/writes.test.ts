import type { JsonObject } from '@carapulse/kernel';
import { describe, expect, test } from 'vitest';
import { deployment, FakeCluster, OBJECT_UID, refusal } from './kubectl.testing.ts';
import type { Answer, Asked } from './kubectl.testing.ts';

const WEB = '/apis/apps/v1/namespaces/shop/deployments/web';
const scaling = { namespace: 'shop', kind: 'deployment', name: 'web', uid: OBJECT_UID, from: 2, to: 3 };
const ok = (body: unknown): Answer => ({ status: 200, body });

/** A Deployment as it is at each read; patches are answered by `patched`. */
function world(reads: readonly object[], patched: (asked: Asked, nth: number) => Answer): FakeCluster {
  let read = 0;
  let patch = 0;
  return new FakeCluster((asked) => {
    if (asked.what === `GET ${WEB}`) return ok(reads[Math.min(read++, reads.length - 1)]);
    if (asked.what === `PATCH ${WEB}`) return patched(asked, ++patch);
    return asked.what.startsWith('GET ') && asked.what.endsWith('s') ? ok({ items: null }) : undefined;
  });
}

describe('a write with preconditions', () => {
  test('is one patch, for the version that was checked, with the mark of its step', async () => {
    const cluster = world([deployment()], () => ok(deployment({ metadata: { generation: 4 } })));
    expect(await cluster.call('scale', scaling)).toMatchObject({ from: 2, to: 3, generation: 4 });
    expect(cluster.writes).toMatchObject([
      {
        what: `PATCH ${WEB}`,
        body: {
          metadata: { resourceVersion: '7', annotations: { 'carapulse/last-write': 'key' } },
          spec: { replicas: 3 },
        },
      },
    ]);
  });

  test('is made anew when somebody wrote something else in between', async () => {
    const later = deployment({ metadata: { resourceVersion: '8' } });
    const cluster = world([deployment(), later], (_, nth) =>
      nth === 1 ? refusal(409, 'Conflict') : ok(later),
    );
    await cluster.call('scale', scaling);
    expect(cluster.writes.map(({ body }) => JSON.stringify(body?.['metadata']))).toEqual([
      expect.stringContaining('"resourceVersion":"7"'),
      expect.stringContaining('"resourceVersion":"8"'),
    ]);
  });

  test('is given up without effect when what it was planned on changed in between', async () => {
    const scaled = deployment({ spec: { replicas: 9 } });
    const cluster = world([deployment(), scaled], () => refusal(409, 'Conflict'));
    await expect(cluster.call('scale', scaling)).rejects.toMatchObject({
      code: 'plan_stale',
      details: { effect: 'none', reason: 'replicas_differ' },
    });
    expect(cluster.writes).toHaveLength(1);
  });

  test('is given up after five conflicts, without effect', async () => {
    const cluster = world([deployment()], () => refusal(409, 'Conflict'));
    await expect(cluster.call('scale', scaling)).rejects.toMatchObject({
      details: { effect: 'none', class: 'conflict' },
    });
    expect(cluster.writes).toHaveLength(5);
  });

  test('that the server failed at may have happened', async () => {
    const cluster = world([deployment()], () => refusal(500, 'InternalError'));
    const failed = (await cluster.call('scale', scaling).catch((error: unknown) => error)) as {
      details: JsonObject;
    };
    expect(failed.details['status']).toBe(500);
    expect(failed.details['effect']).toBeUndefined();
  });

  test('whose read failed has had no effect', async () => {
    const cluster = new FakeCluster(({ what }) =>
      what === `GET ${WEB}` ? refusal(503, 'ServiceUnavailable') : undefined,
    );
    await expect(cluster.call('scale', scaling)).rejects.toMatchObject({
      retryable: true,
      details: { effect: 'none' },
    });
    const odd = new FakeCluster(({ what }) => (what === `GET ${WEB}` ? ok({ metadata: {} }) : undefined));
    await expect(odd.call('scale', scaling)).rejects.toMatchObject({ details: { effect: 'none' } });
  });

  test('is refused where the namespace is not listed, before anything is asked', async () => {
    const cluster = world([deployment()], () => undefined);
    await expect(cluster.call('scale', scaling, { namespaces: ['other'] })).rejects.toMatchObject({
      code: 'forbidden',
      details: { effect: 'none', reason: 'namespace_not_listed' },
    });
    expect(cluster.asked).toEqual([]);
  });

  test.each([
    ['done', { metadata: { annotations: { 'carapulse/last-write': 'key' } }, spec: { replicas: 9 } }],
    ['not_done', { metadata: { annotations: { 'carapulse/last-write': 'other' } } }],
    ['unknown', { spec: { replicas: 3 } }],
    ['unknown', { metadata: { uid: '99999999-2222-4333-8444-555555555555' } }],
  ])('is seen to be %s by %j', async (seen, over) => {
    const cluster = world([deployment(over)], () => undefined);
    expect(await cluster.session('scale', scaling).observe()).toBe(seen);
    expect(cluster.writes).toEqual([]);
  });

  test('on an object that is gone is unknown', async () => {
    expect(await new FakeCluster(() => undefined).session('scale', scaling).observe()).toBe('unknown');
    await expect(new FakeCluster(() => undefined).call('scale', scaling)).rejects.toMatchObject({
      code: 'plan_stale',
      details: { effect: 'none', reason: 'object_missing' },
    });
  });
});

describe('a drain', () => {
  const uidOf = (name: string) => `${name.repeat(8)}-2222-4333-8444-555555555555`;
  const pods = ['a', 'b', 'c'].map((name) => ({ namespace: 'shop', name, uid: uidOf(name) }));
  const input = { node: 'n', uid: OBJECT_UID, pods };
  const node = { metadata: { name: 'n', uid: OBJECT_UID }, spec: { unschedulable: true } };
  const pod = (name: string, over: object = {}) => ({
    metadata: { name, namespace: 'shop', uid: uidOf(name), ...over },
    spec: { nodeName: 'n', containers: [] },
  });
  const drained = (eviction: (name: string) => Answer, found = pod): FakeCluster =>
    new FakeCluster(({ what }) => {
      const [, name] = /\/pods\/(\w+)\/eviction$/.exec(what) ?? [];
      if (name !== undefined) return eviction(name);
      if (what === 'GET /api/v1/pods') return ok({ items: ['a', 'b', 'c'].map((each) => found(each)) });
      return what === 'GET /api/v1/nodes/n' ? ok(node) : undefined;
    });

  test('evicts the planned pods by uid, and leaves those that were made anew or are ending', async () => {
    const cluster = drained(
      () => ok({}),
      (name) => {
        if (name === 'a') return pod(name);
        return name === 'b'
          ? pod(name, { uid: uidOf('d') })
          : pod(name, { deletionTimestamp: '2026-01-10T12:00:00Z' });
      },
    );
    expect(await cluster.call('drain', input)).toMatchObject({
      evicted: ['shop/a'],
      gone: ['shop/b', 'shop/c'],
    });
    expect(cluster.writes).toMatchObject([
      { body: { kind: 'Eviction', deleteOptions: { preconditions: { uid: uidOf('a') } } } },
    ]);
  });

  test('that budgets hold goes on with the others, and can be called again', async () => {
    const cluster = drained((name) => (name === 'a' ? refusal(429, 'TooManyRequests') : ok({})));
    await expect(cluster.call('drain', input)).rejects.toMatchObject({
      retryable: true,
      details: {
        class: 'throttled',
        reason: 'budget_exhausted',
        held: ['shop/a'],
        evicted: ['shop/b', 'shop/c'],
      },
    });
  });

  test('that is refused half-way does not claim to have had no effect', async () => {
    const cluster = drained((name) => (name === 'b' ? refusal(403, 'Forbidden') : ok({})));
    const failed = (await cluster.call('drain', input).catch((error: unknown) => error)) as {
      details: JsonObject;
    };
    expect(failed.details).toMatchObject({ status: 403 });
    expect(failed.details['effect']).toBeUndefined();
  });
});
