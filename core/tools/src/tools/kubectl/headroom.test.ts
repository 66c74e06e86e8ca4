import { describe, expect, test } from 'vitest';
import { FakeCluster, deployment, OBJECT_UID } from './kubectl.testing.ts';
import { requestsOf } from './headroom.ts';
import { PodSpec } from './object-shapes.ts';
import { milliOf, quantityOf } from './quantity.ts';
import { selects } from './selects.ts';

describe('quantities', () => {
  test.each([
    ['0', 0n],
    ['1', 1000n],
    ['500m', 500n],
    ['0.5', 500n],
    ['.5', 500n],
    ['1.5Gi', 1_610_612_736_000n],
    ['100u', 1n],
    ['1n', 1n],
    ['2e3', 2_000_000n],
    ['2E-3', 2n],
    ['1E', 10n ** 21n],
    ['-3', -3000n],
    ['8Ei', 8n * 1024n ** 6n * 1000n],
  ])('%s', (text, milli) => {
    expect(milliOf(text)).toBe(milli);
  });

  test.each(['', 'm', '1 Gi', 'Gi', '1KB', '0x1', '1..5', '١'])('%j is none', (text) => {
    expect(() => milliOf(text)).toThrow(/is no quantity/);
  });

  test('are written as short as they are exact', () => {
    expect([quantityOf(2000n), quantityOf(1500n)]).toEqual(['2', '1500m']);
  });
});

describe('selectors', () => {
  const labels = { app: 'web', tier: 'front' };
  test.each([
    [{ matchLabels: { app: 'web' } }, true],
    [{ matchLabels: { app: 'api' } }, false],
    [{ matchExpressions: [{ key: 'app', operator: 'In', values: ['web', 'api'] }] }, true],
    [{ matchExpressions: [{ key: 'app', operator: 'NotIn', values: ['web'] }] }, false],
    [{ matchExpressions: [{ key: 'canary', operator: 'NotIn', values: ['yes'] }] }, true],
    [{ matchExpressions: [{ key: 'canary', operator: 'Exists' }] }, false],
    [{ matchExpressions: [{ key: 'canary', operator: 'DoesNotExist' }] }, true],
    [{}, true],
    [null, false],
    ['unreadable', true],
    [{ matchExpressions: [{ key: 'app', operator: 'Newer', values: [] }] }, true],
  ])('%j', (selector, picks) => {
    expect(selects(selector, labels)).toBe(picks);
  });
});

const container = (cpu: string, over: object = {}) => ({
  name: 'c',
  resources: { requests: { cpu } },
  ...over,
});

test('a pod asks for its containers together, or for the largest that runs before them', () => {
  const containers = [container('100m'), container('200m')];
  expect(requestsOf(PodSpec.parse({ containers }))).toEqual({ cpu: 300n });
  expect(requestsOf(PodSpec.parse({ containers, initContainers: [container('1')] }))).toEqual({ cpu: 1000n });
  const sidecar = container('500m', { restartPolicy: 'Always' });
  expect(requestsOf(PodSpec.parse({ containers, initContainers: [sidecar, container('100m')] }))).toEqual({
    cpu: 800n,
  });
  const limited = [{ name: 'c', resources: { limits: { cpu: '2' } } }];
  expect(requestsOf(PodSpec.parse({ containers: limited, overhead: { cpu: '1' } }))).toEqual({ cpu: 3000n });
});

const list = (...items: unknown[]) => ({ status: 200, body: { metadata: {}, items } });
const node = (name: string, over: { spec?: object; labels?: object; ready?: string } = {}) => ({
  metadata: { name, uid: OBJECT_UID, labels: over.labels ?? {} },
  spec: over.spec ?? {},
  status: {
    allocatable: { cpu: '2', pods: '10' },
    conditions: [{ type: 'Ready', status: over.ready ?? 'True' }],
  },
});
const podOn = (nodeName: string, cpu: string) => ({
  metadata: { name: 'p', namespace: 'other', uid: OBJECT_UID },
  spec: { nodeName, containers: [container(cpu)] },
  status: { phase: 'Running' },
});

function clusterOf(
  nodes: unknown[],
  pods: unknown[],
  more: Readonly<Record<string, unknown[]>> = {},
): FakeCluster {
  const template = { metadata: { labels: { app: 'web' } }, spec: { containers: [container('500m')] } };
  return new FakeCluster(({ what }) => {
    if (what.endsWith('/deployments/web')) return { status: 200, body: deployment({ spec: { template } }) };
    if (what === 'GET /api/v1/nodes') return list(...nodes);
    if (what === 'GET /api/v1/pods') return list(...pods);
    return list(...(more[what.split('/').at(-1) ?? ''] ?? []));
  });
}

describe('room on nodes', () => {
  const preview = (cluster: FakeCluster) =>
    cluster.call('scale_preview', { namespace: 'shop', kind: 'deployment', name: 'web', replicas: 5 });

  test('is what allocatable leaves by requests, on nodes that would take the pod', async () => {
    const taint = { key: 'gpu', effect: 'NoSchedule' };
    const nodes = [
      node('free'),
      node('half'),
      node('cordoned', { spec: { unschedulable: true } }),
      node('tainted', { spec: { taints: [taint] } }),
      node('preferred', { spec: { taints: [{ ...taint, effect: 'PreferNoSchedule' }] } }),
      node('down', { ready: 'False' }),
    ];
    const pods = [podOn('half', '1200m'), podOn('preferred', '2'), podOn('cordoned', '1')];
    expect(await preview(clusterOf(nodes, pods))).toMatchObject({
      kind: 'scalable',
      nodes: { kind: 'known', nodes: 3, room_for: 5, fits: true },
    });
    expect(await preview(clusterOf([node('half')], pods))).toMatchObject({
      nodes: { room_for: 1, fits: false },
      nodes_full: true,
    });
  });

  test('that the token may not see is unknown, not enough', async () => {
    const hidden = new FakeCluster((asked) => {
      if (asked.what === 'GET /api/v1/nodes')
        return { status: 403, body: { reason: 'Forbidden', message: 'no' } };
      if (asked.what.endsWith('/deployments/web')) return { status: 200, body: deployment() };
      return list();
    });
    expect(await preview(hidden)).toMatchObject({
      kind: 'scalable',
      nodes: { kind: 'unknown' },
      nodes_full: false,
    });
  });

  test('quotas count what the added pods ask for', async () => {
    const quota = (hard: object, used: object) => ({
      metadata: { name: 'q', uid: OBJECT_UID },
      status: { hard, used },
    });
    const fits = clusterOf([], [], {
      resourcequotas: [quota({ 'requests.cpu': '2', services: '1' }, { 'requests.cpu': '500m' })],
    });
    expect(await preview(fits)).toMatchObject({
      kind: 'scalable',
      quotas: [{ name: 'q', resource: 'requests.cpu', needed: '1500m', fits: true }],
    });
    const full = clusterOf([], [], {
      resourcequotas: [quota({ 'requests.cpu': '1999m' }, { 'requests.cpu': '500m' })],
    });
    expect(await preview(full)).toMatchObject({ kind: 'refused', reason: 'quota_exceeded' });
  });
});

describe('a budget', () => {
  const budget = (minAvailable: number | string) => ({
    poddisruptionbudgets: [
      {
        metadata: { name: 'b', uid: OBJECT_UID },
        spec: { selector: { matchLabels: { app: 'web' } }, minAvailable },
        status: { disruptionsAllowed: 0, desiredHealthy: 2 },
      },
    ],
  });
  const down = (minAvailable: number | string, replicas: number) =>
    clusterOf([], [], budget(minAvailable)).call('scale_preview', {
      namespace: 'shop',
      kind: 'deployment',
      name: 'web',
      replicas,
    });

  test('that wants more pods than would be left refuses a scaling down, and says how many', async () => {
    expect(await down(2, 1)).toMatchObject({
      kind: 'refused',
      reason: 'budget_needs_more',
      detail: 'PodDisruptionBudget b wants 2 pods available; 1 are fewer.',
    });
  });

  test('that wants as many as are left, a share of them, or more while it grows, stands against nothing', async () => {
    expect(await down(1, 1)).toMatchObject({ kind: 'scalable', budgets: [{ min_available: 1 }] });
    expect(await down('100%', 1)).toMatchObject({ kind: 'scalable', budgets: [{ min_available: null }] });
    expect(await down(9, 5)).toMatchObject({ kind: 'scalable' });
  });
});
