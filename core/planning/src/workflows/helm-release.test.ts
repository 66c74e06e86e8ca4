import type { JsonObject } from '@carapulse/kernel';
import { describe, expect, it } from 'vitest';
import { helmRelease } from './helm-release.ts';

const input = { cluster: 'main', namespace: 'shop', release: 'web', chart: 'shop', version: '1.4.0' };
const draft = (more: JsonObject = {}) => helmRelease.draft({ ...input, ...more });

describe('helm-release', () => {
  it('previews, upgrades as previewed, follows the rollouts, and can go back', () => {
    const { about, template } = draft({ set: { replicas: 3 }, service: 'checkout' });
    expect(about).toEqual({ service: 'checkout', cluster_id: 'main', namespace: 'shop' });
    expect(template.reads[0]?.call.input).toEqual({
      cluster: 'main',
      namespace: 'shop',
      release: 'web',
      chart: { name: 'shop', version: '1.4.0' },
      keep_values: true,
      set: { replicas: 3 },
    });
    const [step] = template.steps;
    expect(step).toMatchObject({
      call: { tool: 'helm', action: 'upgrade', input: { $ref: 'reads.preview/forward' } },
      verify: [{ id: 'revision-made' }, { id: 'rollouts-complete' }],
      rollback: {
        call: { action: 'rollback', input: { $ref: 'reads.preview/undo' } },
        verify: [{ id: 'manifest-restored' }, { id: 'rollouts-restored' }],
      },
    });
    expect(template.conditions).toMatchObject([{ value: 'upgradable' }]);
    expect(template.checks).toEqual([]);
  });

  it('has no rollback where that was accepted, and plans nothing else then', () => {
    const { template } = draft({ irreversible: true });
    expect(template.steps[0]?.rollback).toHaveProperty('impossible');
    expect(template.conditions).toMatchObject([{ value: 'irreversible' }]);
  });

  it('checks what it is told to, and compares a metric once its own checks have passed', () => {
    const metric = { instance: 'main', query: 'sum(errors)', statistic: 'mean', op: 'lte', value: 0.5 };
    const { template } = draft({ probe_url: 'https://shop.example/ready', metric });
    expect(template.checks.map(({ id }) => id)).toEqual(['service-works']);
    expect(template.steps).toMatchObject([
      { id: 'upgrade', depends_on: [] },
      { id: 'metric-after', depends_on: ['upgrade'], verify: [{ id: 'metric-holds' }] },
    ]);
    const compared = draft({ metric: { ...metric, before: {} } }).template;
    expect(compared.steps.map(({ id }) => id)).toEqual(['metric-before', 'upgrade', 'metric-after']);
    expect(compared.steps[1]?.depends_on).toEqual(['metric-before']);
    expect(compared.conditions.at(-1)).toMatchObject({ of: { $ref: 'reads.metric/because' }, value: '' });
  });

  it.each<[string, JsonObject, string]>([
    ['a range of versions', { version: '^1.4.0' }, '/version'],
    ['a chart by its address', { chart: 'https://charts.example/shop.tgz' }, '/chart'],
    ['a release that is a flag', { release: '--all' }, '/release'],
    ['values without a checksum', { values_ref: { kind: 'object_store', key: 'a' } }, '/values_ref/sha256'],
    ['a flag of helm', { atomic: true }, '/atomic'],
    [
      'a value that reads as a reference',
      { set: { config: { a: { $ref: 'plan.created_at' } } } },
      '/set/config/a/$ref',
    ],
    ['values that are a reference', { set: { $ref: 'parameters.release', b: 1 } }, '/set/$ref'],
    ['a number that lost its digits', { set: { ids: [1, 2 ** 53] } }, '/set/ids/1'],
    ['a text that YAML does not take', { set: { config: { a: 'x\u009by' } } }, '/set/config/a'],
    ['an end of a line that YAML folds', { set: { config: { a: 'x\u2028y' } } }, '/set/config/a'],
    ['a name that YAML does not take', { set: { config: { 'a\u007f': 'x' } } }, '/set/config/a\u007f'],
    ['a number beyond all sense', { set: { replicas: 1e308 } }, '/set/replicas'],
  ])('refuses %s', (_, more, pointer) => {
    expect(helmRelease.inputFaults({ ...input, ...more }).map((each) => each.pointer)).toEqual([pointer]);
  });
});
