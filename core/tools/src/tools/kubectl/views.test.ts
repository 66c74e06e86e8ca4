import { describe, expect, test } from 'vitest';
import { FakeCluster, OBJECT_UID } from './kubectl.testing.ts';
import { changesBetween, imagesIn, Manifest, replicasIn } from './manifest.ts';

const ok = (body: unknown) => ({ status: 200, body });
const metadata = (name: string, over: object = {}) => ({ name, namespace: 'shop', uid: OBJECT_UID, ...over });

test('values of environments, ConfigMaps and applied manifests are not shown', async () => {
  const LAST = 'kubectl.kubernetes.io/last-applied-configuration';
  const cluster = new FakeCluster(({ what }) => {
    if (what.endsWith('/configmaps/c'))
      return ok({ metadata: metadata('c', { annotations: { [LAST]: 'hidden' } }), data: { key: 'hidden' } });
    const env = [{ name: 'PASSWORD', value: 'hidden' }];
    return what.endsWith('/pods/p')
      ? ok({ metadata: metadata('p'), spec: { containers: [{ name: 'c', env }] }, status: {} })
      : undefined;
  });
  const [map, pod] = await Promise.all([
    cluster.call('get', { namespace: 'shop', kind: 'configmap', name: 'c' }),
    cluster.call('get', { namespace: 'shop', kind: 'pod', name: 'p' }),
  ]);
  expect(map).toMatchObject({ objects: [{ facts: { type: 'configuration', keys: ['key'] } }] });
  expect(JSON.stringify([map, pod])).not.toContain('hidden');
});

test('why a container is down is told with how it ended before', async () => {
  const containerStatuses = [
    {
      name: 'c',
      restartCount: 7,
      state: { waiting: { reason: 'CrashLoopBackOff' } },
      lastState: { terminated: { reason: 'OOMKilled', exitCode: 137 } },
    },
  ];
  const pod = {
    metadata: metadata('p'),
    spec: { containers: [] },
    status: { phase: 'Running', containerStatuses },
  };
  const cluster = new FakeCluster(() => ok(pod));
  expect(await cluster.call('get', { namespace: 'shop', kind: 'pod', name: 'p' })).toMatchObject({
    objects: [
      {
        facts: {
          runs: [{ restarts: 7, state: 'CrashLoopBackOff', last_state: 'OOMKilled', last_exit_code: 137 }],
        },
      },
    ],
  });
});

test('a path that the server does not know is an error, not an empty answer', async () => {
  const body = { reason: 'NotFound', message: 'the server could not find the requested resource' };
  const cluster = new FakeCluster(() => ({ status: 404, body }));
  const read = cluster.call('get', { namespace: 'shop', kind: 'pod', name: 'p' });
  await expect(read).rejects.toMatchObject({ details: { status: 404 } });
});

test('events of all pages are there, the latest first', async () => {
  const event = (message: string, over: object) => ({
    metadata: metadata(message, { creationTimestamp: '2026-01-10T12:00:00Z' }),
    message,
    involvedObject: {},
    ...over,
  });
  const cluster = new FakeCluster(({ query }) => {
    const second = query.get('continue') === 'next';
    const items = second
      ? [event('newest', { series: { count: 4, lastObservedTime: '2026-01-10T12:00:09Z' } })]
      : [event('old', {}), event('newer', { lastTimestamp: '2026-01-10T12:00:05Z', count: 2 })];
    return ok({ metadata: second ? {} : { continue: 'next' }, items });
  });
  expect(await cluster.call('events', { namespace: 'shop', limit: 2 })).toMatchObject({
    more: true,
    events: [
      { message: 'newest', count: 4 },
      { message: 'newer', count: 2 },
    ],
  });
});

test('lines of a log are told with their times, and a container that says nothing is empty', async () => {
  const asked: string[] = [];
  const cluster = new FakeCluster(({ what, query }) => {
    asked.push(`${what}?${query.toString()}`);
    return { status: 200, body: '2026-01-10T12:00:00.5Z one\n2026-01-10T12:00:01Z \nodd\n' };
  });
  const input = {
    namespace: 'shop',
    pod: 'p',
    container: 'c',
    tail_lines: 3,
    since_seconds: 60,
    previous: true,
  };
  expect(await cluster.call('logs', input)).toMatchObject({
    empty: false,
    truncated: false,
    lines: [
      { at: '2026-01-10T12:00:00.5Z', text: 'one' },
      { at: '2026-01-10T12:00:01Z', text: '' },
      { at: null, text: 'odd' },
    ],
  });
  expect(asked).toEqual([
    'GET /api/v1/namespaces/shop/pods/p/log?container=c&tailLines=3&sinceSeconds=60&previous=true&timestamps=true&limitBytes=1000000',
  ]);
  const silent = new FakeCluster(() => ({ status: 200, body: '' }));
  expect(await silent.call('logs', { namespace: 'shop', pod: 'p' })).toMatchObject({
    empty: true,
    lines: [],
  });
});

describe('manifests', () => {
  const manifest = (over: object = {}) => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'shop' },
    spec: {
      replicas: 3,
      template: { spec: { containers: [{ image: 'web:1' }], volumes: [{ image: { reference: 'data:1' } }] } },
    },
    ...over,
  });

  test.each([
    ['a Secret', { apiVersion: 'v1', kind: 'Secret' }],
    ['a Pod', { apiVersion: 'v1', kind: 'Pod' }],
    ['a role', { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role' }],
    ['a kind of another version', { apiVersion: 'apps/v1beta1' }],
    ['no namespace', { metadata: { name: 'web' } }],
    ['an owner', { metadata: { name: 'web', namespace: 'shop', ownerReferences: [] } }],
    ['a version of its own', { metadata: { name: 'web', namespace: 'shop', resourceVersion: '1' } }],
    ['a name that is a flag', { metadata: { name: '--all', namespace: 'shop' } }],
    ['a status', { status: {} }],
  ])('with %s are refused', (_what, over) => {
    expect(Manifest.safeParse(manifest()).success).toBe(true);
    expect(Manifest.safeParse(manifest(over)).success).toBe(false);
  });

  test('tell their images and replicas, wherever they are', () => {
    expect(imagesIn(Manifest.parse(manifest()))).toEqual(['data:1', 'web:1']);
    expect(replicasIn(Manifest.parse(manifest()))).toBe(3);
    expect(replicasIn(Manifest.parse(manifest({ spec: {} })))).toBeNull();
    const autoscaler = {
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      spec: { minReplicas: 1, maxReplicas: 9 },
    };
    expect(replicasIn(Manifest.parse(manifest(autoscaler)))).toBe(9);
    const template = { spec: { containers: [{ image: 'job:1' }] } };
    const cron = {
      apiVersion: 'batch/v1',
      kind: 'CronJob',
      spec: { jobTemplate: { spec: { parallelism: 4, template } } },
    };
    expect(replicasIn(Manifest.parse(manifest(cron)))).toBe(4);
    expect(imagesIn(Manifest.parse(manifest(cron)))).toEqual(['job:1']);
  });

  test('differ at the deepest places', () => {
    const before = { a: { 'x/y': 1, gone: true }, list: [1, { b: 2 }], grown: [1] };
    const after = { a: { 'x/y': 2 }, list: [1, { b: 3 }], grown: [1, 2] };
    expect(changesBetween(before, after)).toEqual([
      { path: '/a/gone', before: true, after: null },
      { path: '/a/x~1y', before: 1, after: 2 },
      { path: '/grown', before: [1], after: [1, 2] },
      { path: '/list/1/b', before: 2, after: 3 },
    ]);
    expect(changesBetween(before, before)).toEqual([]);
  });
});
