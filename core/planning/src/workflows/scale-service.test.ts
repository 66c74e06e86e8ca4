import type { AppError, JsonObject } from '@carapulse/kernel';
import { describe, expect, it } from 'vitest';
import { scaleService } from './scale-service.ts';
import { planWorkflow } from './workflow-harness.testing.ts';

const UID = '11111111-2222-4333-8444-555555555555';
const WEB = { cluster: 'main', namespace: 'shop', kind: 'deployment', name: 'web' };
const OBJECT = { ...WEB, uid: UID };
const INPUT = { ...WEB, replicas: 5, service: 'checkout' };
const PREVIEW: JsonObject = {
  kind: 'scalable',
  uid: UID,
  current: 2,
  wanted: 5,
  nodes: { kind: 'known', nodes: 2, room_for: 9, fits: true },
  nodes_full: false,
  ready_within_ms: 90_000,
  diff: 'deployment shop/web\n-  replicas: 2\n+  replicas: 5\n',
  forward: { ...OBJECT, from: 2, to: 5 },
  undo: { ...OBJECT, from: 5, to: 2 },
};
const BEFORE: JsonObject = {
  uid: UID,
  paused: false,
  failed: false,
  complete: true,
  replicas: { desired: 2, current: 2, updated: 2, ready: 2, available: 2 },
};
const METRIC = {
  instance: 'main',
  query: 'sum(rate(errors[1m]))',
  statistic: 'p95',
  op: 'lt',
  value: 0.1,
};

const { value: _, ...UNBOUND } = METRIC;

const plan = (
  input: JsonObject = {},
  preview: JsonObject = {},
  before: JsonObject = {},
  window: JsonObject = { because: '' },
) =>
  planWorkflow(
    scaleService,
    { ...INPUT, ...input },
    {
      'kubectl.scale_preview': { ...PREVIEW, ...preview },
      'kubectl.rollout_status': { ...BEFORE, ...before },
      'prometheus.window': window,
    },
  );

async function drafted(input: JsonObject = {}) {
  const { outcome } = await plan(input);
  if (outcome.kind !== 'planned') throw new Error(outcome.because.join('; '));
  return outcome.draft;
}

describe('scale-service', () => {
  it('plans one write of literals with its exact undo, each with its proof, from what was read', async () => {
    const { calls } = await plan();
    expect(calls).toEqual([
      { call: 'kubectl.scale_preview', ...WEB, replicas: 5 },
      { call: 'kubectl.rollout_status', ...WEB },
    ]);
    const draft = await drafted();
    expect(JSON.stringify(draft)).not.toContain('$ref');
    expect(draft).toMatchObject({
      summary: 'Scale deployment shop/web to 5 replicas',
      risk: { level: 'medium' },
      blast_radius: {
        kind: 'known',
        resources: ['kubernetes:main/shop/deployment/web', 'service:checkout'],
        dependents: ['storefront'],
      },
      checks: [],
    });
    const [step] = draft.steps;
    expect(draft.steps).toHaveLength(1);
    expect(step).toMatchObject({
      kind: 'write',
      call: { tool: 'kubectl', action: 'scale', input: { ...OBJECT, from: 2, to: 5 } },
      effects: [{ kind: 'scale', namespace: 'shop', replicas: 5 }],
      preview: { kind: 'diff', text: PREVIEW['diff'] },
      rollback: { kind: 'call', call: { input: { ...OBJECT, from: 5, to: 2 } } },
    });
    expect(step?.verify[0]).toMatchObject({
      call: { action: 'rollout_status', input: WEB },
      expect: [
        { pointer: '/uid', value: UID },
        { pointer: '/replicas/desired', value: 5 },
        { pointer: '/replicas/current', value: 5 },
        { pointer: '/complete', value: true },
      ],
      samples: { required: 2, interval_ms: 1000, within_ms: 90_000 },
    });
    expect(step?.rollback).toMatchObject({
      verify: [
        {
          expect: [
            { pointer: '/uid', value: UID },
            { pointer: '/replicas/desired', value: 2 },
            { pointer: '/replicas/current', value: 2 },
            { pointer: '/replicas/available', op: 'gte', value: 2 },
          ],
          samples: { within_ms: 90_000 },
        },
      ],
    });
  });

  it('waits as long as it is told, and never runs longer than policy lets a run in production', async () => {
    const short = await drafted({ ready_within: '30s' });
    expect(short.steps[0]?.verify[0]?.samples.within_ms).toBe(30_000);
    expect(short.max_run_ms).toBe(360_000);
    expect((await drafted()).max_run_ms).toBe(1_800_000);
    const long = { ready_within: '10m', metric: { ...METRIC, window_seconds: 500 } };
    expect((await drafted(long)).max_run_ms).toBe(1_800_000);
  });

  it('asks a metric once the pods are ready, over a window that lies after that, ranges included', async () => {
    const { steps, max_run_ms } = await drafted({ metric: METRIC, ready_within: '30s' });
    expect(steps[1]).toMatchObject({
      step_id: 'metric-after',
      kind: 'read',
      depends_on: ['scale'],
      verify: [
        {
          call: { tool: 'prometheus', action: 'window', input: { query: METRIC.query, statistic: 'p95' } },
          expect: [{ pointer: '/value', op: 'lt', value: 0.1 }],
          samples: { required: 1, interval_ms: 3000, within_ms: (60 + 60 + 60 + 30) * 1000 },
        },
      ],
    });
    expect(max_run_ms).toBe(360_000 + 270_000);
  });

  it('compares a metric with what it was before: the write waits for that, and there must be a value', async () => {
    const compared = { metric: { ...METRIC, before: { factor: 1.5, plus: 2 } } };
    const { steps } = await drafted(compared);
    expect(steps.map(({ step_id, kind, depends_on }) => [step_id, kind, ...depends_on])).toEqual([
      ['metric-before', 'read'],
      ['scale', 'write', 'metric-before'],
      ['metric-after', 'read', 'scale'],
    ]);
    expect(steps[0]?.call.input).toMatchObject({ required: true, min_samples: 3, window_seconds: 60 });
    const relative = { from_step: 'metric-before', from_pointer: '/value', factor: 1.5, plus: 2 };
    expect(steps[2]?.verify[0]?.expect).toEqual([
      { pointer: '/value', op: 'lt', value: 0.1 },
      { pointer: '/value', op: 'lt', value: null, relative },
    ]);
    const because = 'the query has 2 series';
    const { outcome } = await plan(compared, {}, {}, { because });
    const otherwise = `the metric has no value to compare with: ${because}`;
    expect(outcome).toEqual({ kind: 'not_planned', because: [otherwise] });
  });

  it.each<[string, JsonObject, JsonObject, string]>([
    [
      'what stands against it, as it was read',
      { kind: 'refused', reason: 'field_owned', detail: 'horizontalpodautoscaler web sets spec.replicas.' },
      {},
      'it cannot be scaled so: horizontalpodautoscaler web sets spec.replicas',
    ],
    ['full nodes', { nodes_full: true }, {}, 'the nodes have no room for the added pods'],
    [
      'a rollout under way',
      {},
      { replicas: { desired: 2, current: 3, updated: 1, ready: 2, available: 2 } },
      'a rollout or a scaling is under way',
    ],
    ['a rollout that has failed', {}, { failed: true }, 'its rollout has failed'],
    ['a rollout that is paused', {}, { paused: true }, 'its rollout is paused'],
  ])('makes no plan for %s', async (_, preview, before, because) => {
    const { outcome } = await plan({}, preview, before);
    expect(outcome.kind).toBe('not_planned');
    expect(outcome.kind === 'not_planned' && outcome.because.join('\n')).toContain(because);
  });

  it('takes full nodes where somebody says that nodes are added, and nodes that may not be seen', async () => {
    expect((await plan({ nodes_may_be_added: true }, { nodes_full: true })).outcome.kind).toBe('planned');
    const unseen = { nodes: { kind: 'unknown', why: 'forbidden' }, nodes_full: false };
    expect((await plan({}, unseen)).outcome.kind).toBe('planned');
  });

  it.each<[string, JsonObject, string]>([
    ['a fraction of a replica', { replicas: 2.5 }, '/replicas'],
    ['fewer than none', { replicas: -1 }, '/replicas'],
    ['a name that is an option', { name: '--all' }, '/name'],
    ['a kind that cannot be scaled', { kind: 'daemonset' }, '/kind'],
    ['a wait that is too long', { ready_within: '11m' }, '/ready_within'],
    ['a metric of no instance', { metric: { ...METRIC, instance: '' } }, '/metric/instance'],
    ['a field of the metric that is not known', { metric: { ...METRIC, unit: 's' } }, '/metric/unit'],
    ['a metric without a bound', { metric: UNBOUND }, '/metric/value'],
    ['a metric of another time', { metric: { ...METRIC, query: 'a offset 5m' } }, '/metric/query'],
    [
      'windows that take too long',
      { metric: { ...METRIC, query: 'rate(a[15m])', window_seconds: 200 } },
      '/metric/window_seconds',
    ],
  ])('refuses %s', (_, change, pointer) => {
    try {
      scaleService.draft({ ...INPUT, ...change });
      expect.unreachable();
    } catch (error) {
      expect((error as AppError).errors.map((each) => each.pointer)).toEqual([pointer]);
    }
  });
});
