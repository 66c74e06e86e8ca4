import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { clusterWith } from '../../kubernetes/cluster.testing.ts';
import { gunzip } from './gunzip.ts';
import { pullArgv } from './chart-source.ts';
import { rollbackCall } from './go-back.ts';
import { helmCommand, helmFailure } from './helm-command.ts';
import { RepairInput, RollbackInput, UpgradeInput, WantedRelease } from './helm-input.ts';
import { ChartVersion, ReleaseName } from './helm-names.ts';
import { ChartSource, HelmSettings } from './helm-settings.ts';
import { effectsOf } from './helm-action.ts';
import { decodeRelease } from './release-record.ts';
import { upgradeCall } from './render-release.ts';
import { historyCall, statusCall } from './releases-over-helm.ts';

const digest = `sha256:${'a'.repeat(64)}`;
const wanted = {
  cluster: 'main',
  namespace: 'shop',
  release: 'web',
  chart: { name: 'shop', version: '1.2.0' },
};
const facts = { namespaces: ['shop'], images: ['web:2'], replicas: 3, changes: [], secret_objects: 0 };
const rollback = {
  cluster: 'main',
  namespace: 'shop',
  release: 'web',
  from_revision: 3,
  from_manifest: digest,
  to_revision: 2,
  expected_manifest: digest,
  ...facts,
};

describe('commands of helm', () => {
  it('name the kubeconfig, the namespace, and what a user says after the options', () => {
    const material = {
      chart: { path: '/scratch/chart.tgz', digest: digest as `sha256:${string}` },
      values: [{ path: '/scratch/values-set.yaml', text: '{"a":"--b"}' }],
    };
    const { argv, files, env } = helmCommand(
      '/scratch',
      clusterWith(),
      'token-x',
      upgradeCall(WantedRelease.parse(wanted), material, ['--dry-run=server']),
    );
    expect(argv).toEqual([
      'helm',
      '--kubeconfig=/scratch/kubeconfig',
      '--namespace=shop',
      'upgrade',
      '--dry-run=server',
      '--wait=false',
      '--atomic=false',
      '--timeout=5m',
      '--reset-then-reuse-values',
      '--values=/scratch/values-set.yaml',
      '--',
      'web',
      '/scratch/chart.tgz',
    ]);
    expect(files?.map(({ path }) => path)).toEqual(['/scratch/kubeconfig', '/scratch/values-set.yaml']);
    expect(`${argv.join()}${JSON.stringify(env)}`).not.toContain('token-x');
    const all = upgradeCall(WantedRelease.parse({ ...wanted, keep_values: false }), material, []).args;
    expect(all).toContain('--reset-values');
  });

  it('of reads and rollbacks end their options', () => {
    expect(historyCall('shop', 'web').args.slice(-2)).toEqual(['--', 'web']);
    expect(statusCall('shop', 'web', 3).args).toContain('--revision=3');
    expect(rollbackCall(RollbackInput.parse(rollback), 7).args).toEqual([
      'rollback',
      '--wait=false',
      '--timeout=5m',
      '--history-max=7',
      '--',
      'web',
      '2',
    ]);
  });

  it('fetch one exact version from the place of the settings', () => {
    const choice = { name: 'shop', version: '1.2.0' };
    const repository = ChartSource.parse({
      kind: 'repository',
      url: 'https://charts.example/x',
      chart: 'shop',
    });
    const oci = ChartSource.parse({ kind: 'oci', registry: 'registry.example/charts', chart: 'shop' });
    if (repository.kind !== 'repository' || oci.kind !== 'oci') throw new Error('another kind');
    expect(pullArgv('/s', choice, repository)).toEqual([
      'helm',
      'pull',
      '--version=1.2.0',
      '--destination=/s',
      '--repo=https://charts.example/x',
      '--',
      'shop',
    ]);
    expect(pullArgv('/s', choice, oci).at(-1)).toBe('oci://registry.example/charts/shop');
  });

  it('that fail claim nothing of the effect', () => {
    const failed = (stderr: string) =>
      helmFailure('main', 'upgrade', { exitCode: 1, stderr, stoppedBy: null });
    expect(failed('Error: UPGRADE FAILED: x').details).not.toHaveProperty('effect');
    const forbidden = failed(
      'Error: query: failed to query with labels: secrets is forbidden: User "x" cannot list',
    );
    expect(forbidden).toMatchObject({ code: 'tool_failed', details: { status: 403 } });
    expect(forbidden.details).not.toHaveProperty('effect');
    expect(failed('Error: Kubernetes cluster unreachable: x')).toMatchObject({
      code: 'unavailable',
      retryable: true,
    });
  });
});

describe('input of helm', () => {
  it.each(['--help', '-x', 'a b', 'a\nb', '../a', 'A', 'a/b', 'a$(b)', '', 'a'.repeat(54), '.a', 'a.'])(
    'is no release %j',
    (name) => expect(ReleaseName.safeParse(name).success).toBe(false),
  );

  it.each([
    '^1.0.0',
    '1.x',
    '1.0',
    '*',
    '>=1.0.0',
    '1.0.0 || 2.0.0',
    'latest',
    '--devel',
    '01.0.0',
    '1.0.0\n',
  ])('is no version %j', (version) => expect(ChartVersion.safeParse(version).success).toBe(false));

  it.each(['1.0.0', '0.1.0-rc.1', '1.2.3+build.5'])('is the version %j', (version) =>
    expect(ChartVersion.safeParse(version).success).toBe(true),
  );

  it.each<[string, object]>([
    ['a password', { db: { password: 'x' } }],
    ['a token in a list', { list: [{ apiToken: 'x' }] }],
    ['a value beside a secret’s name', { env: [{ name: 'DB_PASSWORD', value: 'x' }] }],
    ['a password in an address', { dsn: 'postgres://web:hunter2@db/shop' }],
    ['a password among arguments', { args: ['--password=hunter2'] }],
    ['the mark of the proxy', { url: '{{proxy}}' }],
  ])('sets no value that is %s', (_, set) => {
    expect(WantedRelease.safeParse({ ...wanted, set }).success).toBe(false);
    expect(
      WantedRelease.safeParse({ ...wanted, set: { auth: { existingSecret: null, enabled: true } } }).success,
    ).toBe(true);
  });

  it.each<[string, object]>([
    ['a reference without a checksum', { values_ref: { kind: 'object_store', key: 'a.yaml' } }],
    ['a key that climbs', { values_ref: { kind: 'object_store', key: '../a', sha256: digest } }],
    [
      'a branch for a commit',
      { values_ref: { kind: 'git_path', repository: 'r', path: 'a', revision: 'main', sha256: digest } },
    ],
    [
      'a path that climbs',
      {
        values_ref: {
          kind: 'git_path',
          repository: 'r',
          path: '../a',
          revision: 'a'.repeat(40),
          sha256: digest,
        },
      },
    ],
    ['a chart by its address', { chart: { name: 'https://x/y.tgz', version: '1.0.0' } }],
    ['a flag', { atomic: true }],
  ])('takes no %s', (_, more) => expect(WantedRelease.safeParse({ ...wanted, ...more }).success).toBe(false));

  it('goes back to an earlier revision only, and repairs for one execution', () => {
    expect(RollbackInput.safeParse({ ...rollback, to_revision: 3 }).success).toBe(false);
    expect(RepairInput.safeParse(rollback).success).toBe(false);
    expect(RepairInput.safeParse({ ...rollback, execution: 'ex_1' }).success).toBe(true);
  });

  it('comes to effects on the release, on each object that leases know, and on the replicas', () => {
    const changes = [
      'changed apps/v1 Deployment shop/web',
      'added v1 Secret shop/key',
      'removed v1 Node _/n',
    ];
    const input = UpgradeInput.parse({
      ...wanted,
      ...facts,
      chart: { ...wanted.chart, digest },
      changes,
      secret_objects: 1,
      from_revision: 1,
      from_manifest: digest,
      expected_manifest: digest,
      values_digest: digest,
    });
    expect(effectsOf(input)).toEqual([
      {
        kind: 'release',
        target: 'helm:main/shop/web',
        namespaces: ['shop'],
        objects: 3,
        secret_objects: 1,
        images: ['web:2'],
      },
      { kind: 'apply', target: 'kubernetes:main/shop/deployment/web', namespace: 'shop', images: [] },
      { kind: 'apply', target: 'kubernetes:main/_/node/n', namespace: '_', images: [] },
      { kind: 'scale', target: 'helm:main/shop/web', namespace: 'shop', replicas: 3 },
    ]);
  });
});

describe('settings of helm', () => {
  it.each<[string, object]>([
    ['an http repository', { kind: 'repository', url: 'http://charts.example', chart: 'shop' }],
    ['a URL with credentials', { kind: 'repository', url: 'https://u:p@charts.example', chart: 'shop' }],
    ['a registry with a scheme', { kind: 'oci', registry: 'oci://registry.example', chart: 'shop' }],
    ['a chart that is a flag', { kind: 'oci', registry: 'registry.example', chart: '--x' }],
    ['a folder that climbs', { kind: 'directory', path: '../x' }],
  ])('take no %s', (_, source) => expect(ChartSource.safeParse(source).success).toBe(false));

  it('take a folder only with a root', () => {
    const charts = { shop: { kind: 'directory', path: 'shop' } };
    expect(HelmSettings.safeParse({ clusters: {}, charts }).success).toBe(false);
    expect(HelmSettings.safeParse({ clusters: {}, charts, chart_root: '/srv/charts' }).success).toBe(true);
    expect(HelmSettings.safeParse({ clusters: {}, charts, chart_root: '/srv/../etc' }).success).toBe(false);
  });
});

describe('the record of a release', () => {
  const release = {
    name: 'web',
    namespace: 'shop',
    version: 3,
    info: {
      last_deployed: '2026-11-25T20:00:00.123456789+01:00',
      status: 'deployed',
      description: 'Upgrade complete',
    },
    chart: { metadata: { name: 'shop', version: '1.2.0', appVersion: '7' }, templates: [{ data: 'x' }] },
    config: { replicas: 2 },
    manifest: '---\n',
  };
  const packed = (value: unknown): string =>
    Buffer.from(gzipSync(JSON.stringify(value)).toString('base64')).toString('base64');

  it('is unpacked', async () => {
    expect(await decodeRelease(packed(release))).toEqual({
      revision: 3,
      status: 'deployed',
      chart: 'shop-1.2.0',
      app_version: '7',
      updated: '2026-11-25T19:00:00.123Z',
      description: 'Upgrade complete',
      manifest: '---\n',
      hooks: [],
      values: { replicas: 2 },
    });
    const plain = Buffer.from(Buffer.from(JSON.stringify(release)).toString('base64')).toString('base64');
    expect(await decodeRelease(plain)).toMatchObject({ revision: 3 });
  });

  it.each<[string, string]>([
    ['cut off', packed(release).slice(0, 60)],
    ['of another shape', packed({ ...release, info: {} })],
    ['without a chart', packed({ ...release, chart: undefined })],
    ['no JSON', Buffer.from(gzipSync('x').toString('base64')).toString('base64')],
  ])('is refused when it is %s', async (_, data) => {
    await expect(decodeRelease(data)).rejects.toMatchObject({
      code: 'tool_failed',
      details: { reason: 'record_unreadable' },
    });
  });

  it('is no bomb', async () => {
    const bytes = Uint8Array.from(gzipSync(Buffer.alloc(100_000)));
    await expect(gunzip(bytes, 99_999)).rejects.toMatchObject({ details: { reason: 'record_unreadable' } });
    expect((await gunzip(bytes, 100_000)).length).toBe(100_000);
  });
});
