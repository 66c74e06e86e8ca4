import type { JsonObject } from '@carapulse/kernel';
import { describe, expect, test } from 'vitest';
import { CA } from '../../kubernetes/cluster.testing.ts';
import { APP_UID, application, FakeArgocd, operationOf, REVISION } from './argocd.testing.ts';
import type { Answer } from './argocd.testing.ts';

const APP = 'applications/shop';
const ok = (body: unknown): Answer => ({ status: 200, body });

/** An Argo CD whose application is as told, with what else it answers. */
function world(app: object, more: Readonly<Record<string, unknown>> = {}): FakeArgocd {
  return new FakeArgocd(({ what }) => {
    if (what === `GET ${APP}`) return ok(app);
    return what in more ? ok(more[what]) : undefined;
  });
}

describe('an application', () => {
  test('is told with where it comes from, without credentials, and what it reaches', async () => {
    const argocd = world(application({ status: { operationState: operationOf('e/s/1') } }));
    expect(await argocd.call('app')).toEqual({
      instance: 'main',
      project: 'default',
      app: 'shop',
      uid: APP_UID,
      sources: [{ repo: 'https://git.example/shop.git', path: 'app', chart: '', target_revision: 'main' }],
      from_one_repository: true,
      destination: { server: 'https://kubernetes.default.svc', name: '', namespace: 'shop' },
      namespaces: ['shop'],
      automated: false,
      sync: { status: 'Synced', revision: REVISION },
      health: { status: 'Healthy', message: '' },
      operating: false,
      operation: {
        phase: 'Succeeded',
        revision: REVISION,
        message: '',
        started_at: '2026-11-25T10:00:00Z',
        finished_at: '2026-11-25T10:00:02Z',
        key: 'e/s/1',
      },
      last_operation_at: '2026-11-25T10:00:00Z',
      conditions: [],
      images: ['a:1', 'b:1'],
      reconciled_at: null,
    });
    expect(argocd.asked).toMatchObject([{ what: `GET ${APP}`, token: 'Bearer reads' }]);
    expect(argocd.asked[0]?.query.toString()).toBe('project=default');
  });

  test('is compared anew when that is asked for', async () => {
    const argocd = world(application());
    await argocd.call('app', { refresh: 'hard' });
    expect(argocd.asked[0]?.query.get('refresh')).toBe('hard');
  });

  test.each<[string, object, JsonObject]>([
    [
      'a running operation',
      { status: { operationState: operationOf('x', { phase: 'Running' }) } },
      { operating: true },
    ],
    ['one asked for', { operation: { sync: {} } }, { operating: true }],
    [
      'none ever',
      { status: { resources: null } },
      { operating: false, operation: null, last_operation_at: null, namespaces: ['shop'] },
    ],
    ['syncs by itself', { spec: { syncPolicy: { automated: {} } } }, { automated: true }],
    ['no longer does', { spec: { syncPolicy: { automated: { enabled: false } } } }, { automated: false }],
    ['several sources', { spec: { sources: [{}, {}] } }, { from_one_repository: false }],
    ['a chart repository', { spec: { source: { chart: 'shop' } } }, { from_one_repository: false }],
    ['never compared', { status: { sync: {} } }, { sync: { status: '', revision: null } }],
  ])('with %s is told so', async (_, over, expected) => {
    expect(await world(application(over)).call('app')).toMatchObject(expected);
  });

  test.each<[string, JsonObject, JsonObject, string]>([
    ['a project that is not listed', { project: 'other' }, {}, 'project_not_listed'],
    ['another project than its own', { project: 'other' }, { projects: '*' }, 'app_missing'],
    ['a namespace that is not listed', {}, { namespaces: ['x'] }, 'namespace_not_listed'],
  ])('is refused in %s', async (_, input, over, reason) => {
    const argocd = world(application());
    for (const action of ['app', 'app_history', 'app_resources', 'app_diff'])
      await expect(argocd.call(action, input, over)).rejects.toMatchObject({
        details: { effect: 'none', reason },
      });
    if (reason === 'project_not_listed') expect(argocd.asked).toEqual([]);
  });

  test.each<[number, string, JsonObject]>([
    [401, 'forbidden', { reason: 'token_refused' }],
    [403, 'forbidden', { reason: 'token_refused' }],
    [404, 'not_found', { reason: 'app_missing' }],
    [429, 'tool_failed', { class: 'throttled' }],
    [503, 'tool_failed', { class: 'transient' }],
  ])('that is answered with %i is %s', async (status, code, details) => {
    const argocd = new FakeArgocd(() => ({ status, body: { message: 'no', code: 5 } }));
    await expect(argocd.call('app')).rejects.toMatchObject({ code, details, retryable: status > 404 });
  });

  test.each(['shop/other', '-shop', 'Shop', '..', 'a b', ''])('is not named %j', (app) => {
    const argocd = world(application());
    expect(() => argocd.session('app', { app })).toThrow('RFC 1123');
    expect(() => argocd.session('app', { project: app })).toThrow('RFC 1123');
    expect(argocd.asked).toEqual([]);
  });

  test('has an authority of its own over https alone', () => {
    const argocd = world(application());
    expect(() => argocd.session('app', {}, { ca: CA })).not.toThrow();
    expect(() => argocd.session('app', {}, { ca: CA, url: 'http://argocd.example' })).toThrow('https');
    expect(() => argocd.session('app', {}, { ca: 'none' })).toThrow('PEM');
  });
});

describe('what an application has', () => {
  test('is told with the health of the tree, and what came of it when it is not well', async () => {
    const pod = {
      kind: 'Pod',
      namespace: 'shop',
      name: 'web-1',
      health: { status: 'Degraded', message: 'crashes' },
    };
    const argocd = world(application(), {
      [`GET ${APP}/resource-tree`]: {
        nodes: [
          {
            group: 'apps',
            kind: 'Deployment',
            namespace: 'shop',
            name: 'web',
            health: { status: 'Progressing' },
          },
          pod,
          { kind: 'Pod', namespace: 'shop', name: 'web-2', health: { status: 'Healthy' } },
          { kind: 'Endpoints', namespace: 'shop', name: 'web' },
        ],
      },
    });
    const { resources } = await argocd.call('app_resources');
    expect(resources).toMatchObject([
      { kind: 'Deployment', sync: 'Synced', health: 'Progressing', to_be_pruned: false },
      { kind: 'Service', sync: 'OutOfSync', health: null, to_be_pruned: true },
      { kind: 'Pod', name: 'web-1', sync: null, health: 'Degraded', message: 'crashes' },
    ]);
    expect(resources).toHaveLength(3);
  });

  test('is compared with Git, and of Secrets no value is told', async () => {
    const states = (target: object | null, live: object | null) => ({
      targetState: JSON.stringify(target),
      liveState: JSON.stringify(live),
      normalizedLiveState: JSON.stringify(live),
      predictedLiveState: JSON.stringify(target),
    });
    const item = (kind: string, name: string, more: object) => ({ kind, namespace: 'shop', name, ...more });
    const argocd = world(application(), {
      [`GET ${APP}/managed-resources`]: {
        items: [
          item('ConfigMap', 'same', states({ data: { a: '1', b: '2' } }, { data: { b: '2', a: '1' } })),
          item(
            'ConfigMap',
            'differs',
            states({ data: { 'a/b': '2' }, x: [1, 2] }, { data: { 'a/b': '1' }, x: [1] }),
          ),
          item('Secret', 'secret', states({ data: { k: 'c2VjcmV0MQ==' } }, { data: { k: 'c2VjcmV0Mg==' } })),
          item('Service', 'missing', states({ spec: 1 }, null)),
          item('Service', 'extra', states(null, { spec: 1 })),
          item('Job', 'hook', { hook: true, ...states({ spec: 1 }, null) }),
        ],
      },
    });
    const found = await argocd.call('app_diff');
    expect(found).toMatchObject({
      same: false,
      compared: 5,
      resources: [
        {
          name: 'differs',
          state: 'differs',
          changes: [
            { pointer: '/data/a~1b', live: '"1"', desired: '"2"' },
            { pointer: '/x/1', live: null, desired: '2' },
          ],
        },
        { name: 'secret', changes: [{ pointer: '/data/k', live: '"(masked)"', desired: '"(masked)"' }] },
        { name: 'missing', state: 'missing' },
        { name: 'extra', state: 'not_in_git' },
      ],
    });
    expect(JSON.stringify(found)).not.toContain('c2VjcmV0');
  });

  test('is told with its history, newest first', async () => {
    const history = [
      { id: 0, revision: 'a', deployedAt: '2026-11-25T10:00:00Z', initiatedBy: { username: 'ops' } },
      { id: 1, revision: 'b', deployedAt: '2026-11-25T11:00:00Z', initiatedBy: { automated: true } },
    ];
    expect(await world(application({ status: { history } })).call('app_history')).toMatchObject({
      deployments: [
        { id: 1, revision: 'b', by: null },
        { id: 0, revision: 'a', by: 'ops' },
      ],
    });
    expect(await world(application()).call('app_history')).toMatchObject({ empty: true });
  });
});
