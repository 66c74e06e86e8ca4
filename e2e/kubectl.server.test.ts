import type { JsonObject } from '@carapulse/kernel';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BothTransports } from './src/both-transports.ts';
import { AS_READER, KubernetesWorld, missingForCluster } from './src/kubernetes-world.ts';

const missing = await missingForCluster();

describe.skipIf(missing.length > 0)('kubectl by both transports (needs the test bed’s cluster)', () => {
  let world: KubernetesWorld;
  beforeAll(async () => {
    world = await KubernetesWorld.start();
    await world.admin('create namespace shop');
    await world.admin('-n shop create deployment web --image=example.com/web:1 --replicas=2');
    await world.rolledOut('shop', 'web');
  });
  afterAll(() => world?.stop());

  const both = new BothTransports(() => world);

  test('objects, events and the state of a rollout are read', async () => {
    const web = { namespace: 'shop', kind: 'deployment', name: 'web' };
    expect(await both.same('get', web)).toMatchObject({
      empty: false,
      objects: [
        {
          name: 'web',
          facts: { type: 'workload', replicas: 2, containers: [{ image: 'example.com/web:1' }] },
        },
      ],
    });
    const pods = await both.same('get', { namespace: 'shop', kind: 'pod', selector: 'app in (web),!other' });
    expect(pods['objects']).toHaveLength(2);
    expect(await both.same('get', { ...web, name: 'none' })).toMatchObject({ empty: true, objects: [] });
    expect(await both.same('get', { kind: 'node' })).toMatchObject({
      objects: world.nodes.map((name) => ({ name })),
    });
    expect(await both.same('events', { ...web, type: 'Normal' })).toMatchObject({
      empty: false,
      events: [{ reason: 'ScalingReplicaSet', object: { kind: 'Deployment', name: 'web' } }],
    });
    expect(await both.same('rollout_status', web)).toMatchObject({
      complete: true,
      reason: 'complete',
      replicas: { desired: 2, updated: 2, available: 2 },
    });
  });

  test('a scaling is previewed, done once, and undone', async () => {
    const objects = await both.twins('scaled');
    const { uid: _, ...web } = objects.cli;
    const preview = await both.same('scale_preview', { ...web, replicas: 4 });
    expect(preview).toMatchObject({
      kind: 'scalable',
      current: 2,
      autoscaler: null,
      quotas: [],
      nodes: { kind: 'known', nodes: 2, fits: true },
      forward: { ...objects.cli, from: 2, to: 4 },
      undo: { ...objects.cli, from: 4, to: 2 },
    });
    expect(await world.observe('scale', preview['forward'] as JsonObject)).toBe('not_done');
    expect(await both.each('scale', objects, () => ({ from: 2, to: 4 }))).toMatchObject({
      from: 2,
      to: 4,
      generation: 2,
    });
    expect(await both.each('scale', objects, () => ({ from: 2, to: 4 }))).toMatchObject({ generation: 2 });
    const { spec, metadata } = await world.object('-n', 'shop', 'deployment', 'scaled-http');
    expect(spec).toMatchObject({ replicas: 4 });
    expect(JSON.stringify(metadata)).toContain('"manager":"carapulse"');
    const again = await both.refusal(
      'scale',
      { ...objects.cli, from: 2, to: 5 },
      { key: 'other/step/forward' },
    );
    expect(again).toMatchObject({
      code: 'plan_stale',
      details: { effect: 'none', reason: 'replicas_differ' },
    });
    const other = { ...objects.cli, uid: objects.http.uid, from: 4, to: 5 };
    expect(await both.refusal('scale', other, { key: 'third/step/forward' })).toMatchObject({
      code: 'plan_stale',
      details: { effect: 'none', reason: 'object_replaced' },
    });
    expect(
      await both.each('scale', objects, () => ({ from: 4, to: 2 }), 'execution/step/rollback'),
    ).toMatchObject({
      to: 2,
    });
    expect(await world.observe('scale', { ...objects.cli, from: 2, to: 4 })).toBe('not_done');
  });

  test('replicas that somebody else sets are refused by name, and so is what a quota has no room for', async () => {
    await world.admin('create namespace owned');
    const inOwned = async (line: string) => world.admin(`-n owned ${line}`);
    for (const name of ['auto', 'tracked', 'chart'])
      await inOwned(`create deployment ${name} --image=example.com/web:1 --replicas=1`);
    await inOwned('autoscale deployment auto --min=1 --max=3');
    await inOwned(
      'annotate deployment tracked argocd.argoproj.io/tracking-id=shop:apps/Deployment:owned/tracked',
    );
    await inOwned('patch deployment chart --field-manager=helm -p {"spec":{"replicas":2}}');
    await inOwned('create quota few --hard=pods=5');
    const expected = { auto: 'HorizontalPodAutoscaler', tracked: 'Argo CD', chart: 'Helm' };
    for (const [name, owner] of Object.entries(expected)) {
      const { metadata, spec } = (await world.object('-n', 'owned', 'deployment', name)) as {
        metadata: { uid: string };
        spec: { replicas: number };
      };
      const object = { namespace: 'owned', kind: 'deployment', name };
      expect(await both.same('scale_preview', { ...object, replicas: 3 })).toMatchObject({
        kind: 'refused',
        reason: 'field_owned',
        detail: expect.stringContaining(owner) as string,
      });
      const scaling = { ...object, uid: metadata.uid, from: spec.replicas, to: 3 };
      expect(await both.refusal('scale', scaling)).toMatchObject({
        code: 'forbidden',
        details: { effect: 'none', reason: 'field_owned', owner },
      });
      expect(await world.object('-n', 'owned', 'deployment', name)).toMatchObject({
        spec: { replicas: spec.replicas },
      });
    }
    await inOwned('create deployment large --image=example.com/web:1 --replicas=1');
    await world.rolledOut('owned', 'large');
    const large = { namespace: 'owned', kind: 'deployment', name: 'large', replicas: 6 };
    const preview = await world.call('http', 'scale_preview', large);
    expect(preview).toMatchObject({ kind: 'refused', reason: 'quota_exceeded' });
  });

  test('an image is changed, taken back by revision, and pods are restarted', async () => {
    const objects = await both.twins('rolled');
    const change = { container: 'web', from_image: 'example.com/web:1', to_image: 'example.com/web:2' };
    expect(await both.each('set_image', objects, () => change)).toMatchObject({ generation: 2 });
    expect(
      await both.refusal(
        'set_image',
        { ...objects.cli, ...change, to_image: 'example.com/web:3' },
        { key: 'b' },
      ),
    ).toMatchObject({ code: 'plan_stale', details: { reason: 'image_differs' } });
    for (const { name } of [objects.cli, objects.http]) await world.rolledOut('shop', name);
    const history = await both.same('rollout_history', {
      namespace: 'shop',
      kind: 'deployment',
      name: 'rolled-cli',
    });
    expect(history).toMatchObject({
      current_revision: 2,
      revisions: [
        { revision: 2, images: ['example.com/web:2'], current: true },
        { revision: 1, images: ['example.com/web:1'], current: false },
      ],
    });
    // Something that only today's template has must go with it.
    await world.admin('-n shop set env deployment/rolled-cli deployment/rolled-http ONLY=now');
    for (const { name } of [objects.cli, objects.http]) await world.rolledOut('shop', name);
    const back = async ({ name }: JsonObject): Promise<JsonObject> => {
      const { revisions } = (await world.call('http', 'rollout_history', {
        namespace: 'shop',
        kind: 'deployment',
        name: name ?? '',
      })) as unknown as { revisions: { revision: number; template_digest: string; images: string[] }[] };
      const first = revisions.find(({ revision }) => revision === 1);
      const { template_digest = '', images = [] } = first ?? {};
      return { from_revision: 3, to_revision: 1, template_digest, images };
    };
    const forged = {
      ...objects.cli,
      ...(await back(objects.cli)),
      template_digest: `sha256:${'0'.repeat(64)}`,
    };
    expect(await both.refusal('rollout_undo', forged, { key: 'c' })).toMatchObject({
      code: 'plan_stale',
      details: { reason: 'template_differs' },
    });
    expect(await both.each('rollout_undo', objects, back, 'd')).toMatchObject({
      images: ['example.com/web:1'],
    });
    const { spec } = await world.object('-n', 'shop', 'deployment', 'rolled-cli');
    expect(JSON.stringify(spec)).not.toContain('ONLY');
    for (const { name } of [objects.cli, objects.http]) await world.rolledOut('shop', name);
    const restart = { restarted_at: '2026-01-10T12:00:00.000Z' };
    expect(await both.each('rollout_restart', objects, () => restart, 'e')).toMatchObject(restart);
    expect(
      await both.same('rollout_status', { namespace: 'shop', kind: 'deployment', name: 'rolled-cli' }),
    ).toMatchObject({
      images: ['example.com/web:1'],
    });
  });

  test('an object is described with what controls it and what happened to it', async () => {
    const pods = await both.same('get', { namespace: 'shop', kind: 'pod', selector: 'app=web' });
    const [pod] = pods['objects'] as unknown as [{ name: string }];
    expect(await both.same('describe', { namespace: 'shop', kind: 'pod', name: pod.name })).toMatchObject({
      object: { name: pod.name, facts: { type: 'pod', phase: 'Running' } },
      controllers: [{ kind: 'replicaset' }, { kind: 'deployment', name: 'web' }],
      events: expect.arrayContaining([
        expect.objectContaining({
          reason: 'Scheduled',
          object: expect.objectContaining({ kind: 'Pod', name: pod.name }),
        }),
      ]),
    });
    expect(await both.same('describe', { kind: 'node', name: world.nodes[0] ?? '' })).toMatchObject({
      object: { namespace: null, facts: { type: 'node', unschedulable: false } },
    });
    expect(await both.refusal('describe', { namespace: 'shop', kind: 'pod', name: 'none' })).toMatchObject({
      code: 'tool_failed',
      details: { status: 404, effect: 'none' },
    });
    expect(await both.same('logs', { namespace: 'shop', pod: pod.name, tail_lines: 1 })).toMatchObject({
      empty: false,
      lines: [{ at: expect.any(String), text: expect.stringMatching(/^level=/) }],
    });
    expect(await both.refusal('logs', { namespace: 'shop', pod: 'none' })).toMatchObject({
      code: 'tool_failed',
      details: { status: 404, effect: 'none' },
    });
  });

  test('a manifest is previewed by the server, applied as previewed, and not over the fields of others', async () => {
    const manifest = (by: string, text: string): JsonObject => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: `applied-${by}`, namespace: 'shop' },
      data: text === 'a' ? { text } : { text, added: 'too' },
    });
    const preview = async (by: 'cli' | 'http', text: string): Promise<JsonObject> =>
      both.same('apply_preview', { namespace: 'shop', manifest: manifest(by, text) });
    const applied: JsonObject[] = [];
    for (const by of ['cli', 'http'] as const) {
      const first = await preview(by, 'a');
      expect(first).toMatchObject({
        kind: 'applicable',
        exists: false,
        changes: [{ path: '', before: null }],
      });
      const {
        uid: _,
        resource_version: __,
        name: ___,
        ...made
      } = await world.call(by, 'apply', first['forward'] as JsonObject);
      expect(await world.call(by, 'apply', first['forward'] as JsonObject)).toMatchObject({ changed: false });
      const second = await preview(by, 'b');
      expect(second).toMatchObject({
        exists: true,
        changes: [
          { path: '/data/added', before: null, after: 'too' },
          { path: '/data/text', before: 'a', after: 'b' },
        ],
      });
      await world.admin(`-n shop label configmap applied-${by} by=somebody`);
      expect(await both.refusal('apply', second['forward'] as JsonObject)).toMatchObject({
        code: 'plan_stale',
        details: { effect: 'none', reason: 'object_differs' },
      });
      const third = await preview(by, 'b');
      expect(await world.call(by, 'apply', third['forward'] as JsonObject)).toMatchObject({ changed: true });
      expect(await preview(by, 'b')).toMatchObject({ kind: 'unchanged' });
      expect(await world.call(by, 'apply', third['undo'] as JsonObject)).toMatchObject({ changed: true });
      const { data } = await world.object('-n', 'shop', 'configmap', `applied-${by}`);
      expect(data).toEqual({ text: 'a' });
      await world.admin(`-n shop patch configmap applied-${by} -p {"data":{"text":"theirs"}}`);
      expect(await preview(by, 'b')).toMatchObject({
        kind: 'refused',
        reason: 'field_owned',
        detail: expect.stringContaining('kubectl-patch') as string,
      });
      applied.push(made);
    }
    expect(applied[1]).toEqual(applied[0]);
    const spec = { selector: { app: 'web' }, ports: [{ port: 80, protocol: 'none' }] };
    const metadata = { name: 'bad', namespace: 'shop' };
    const bad = { namespace: 'shop', manifest: { apiVersion: 'v1', kind: 'Service', metadata, spec } };
    for (const by of ['cli', 'http'] as const)
      expect(await world.call(by, 'apply_preview', bad)).toMatchObject({
        kind: 'refused',
        reason: 'rejected',
      });
  });

  test('the standing token writes nothing but dry runs', async () => {
    const asReader = { ...world.section, write_account: { namespace: 'carapulse', name: 'reader' } };
    const manifest = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'by-the-reader', namespace: 'shop' },
      data: { text: 'a' },
    };
    const preview = await both.same('apply_preview', { namespace: 'shop', manifest });
    const probe = `-n shop ${AS_READER} create configmap probe`;
    await world.admin(`${probe} --dry-run=server`);
    // The reader has no right to ask for its own token, so the write is refused before it is tried.
    expect(
      await both.refusal('apply', preview['forward'] as JsonObject, { section: asReader }),
    ).toMatchObject({
      details: { effect: 'none', status: 403 },
    });
    await expect(world.admin(probe)).rejects.toMatchObject({
      stderr: expect.stringContaining('the reader writes in dry runs only') as string,
    });
  });

  test('another cluster, no account for writes, or an account without rights: nothing is written', async () => {
    const objects = await both.twins('refused');
    const scaling = { ...objects.cli, from: 2, to: 3 };
    const { write_account: _, ...readOnly } = world.section;
    const elsewhere = { ...world.section, uid: '00000000-0000-4000-8000-000000000000' };
    const powerless = { ...world.section, write_account: { namespace: 'carapulse', name: 'reader' } };
    for (const [section, refusal] of [
      [readOnly, { code: 'forbidden', details: { effect: 'none', reason: 'write_account_missing' } }],
      [elsewhere, { code: 'plan_stale', details: { effect: 'none', reason: 'cluster_identity' } }],
      [powerless, { code: 'tool_failed', details: { effect: 'none', status: 403 } }],
    ] as const)
      expect(await both.refusal('scale', scaling, { section })).toMatchObject(refusal);
    expect(await world.object('-n', 'shop', 'deployment', 'refused-cli')).toMatchObject({
      spec: { replicas: 2 },
    });
  });

  test('a node is cordoned, drained as far as budgets allow, and taken back', async () => {
    const [first = '', second = ''] = world.nodes;
    const nodes = Object.fromEntries(
      await Promise.all(
        (
          [
            ['cli', first],
            ['http', second],
          ] as const
        ).map(async ([by, name]) => {
          const { metadata } = (await world.object('node', name)) as { metadata: { uid: string } };
          return [by, { node: name, uid: metadata.uid }];
        }),
      ),
    ) as Record<'cli' | 'http', { node: string; uid: string }>;
    await world.admin('create namespace held');
    await world.admin('-n held create deployment held --image=example.com/web:1 --replicas=4');
    await world.rolledOut('held', 'held');
    await world.admin('-n held create poddisruptionbudget all --selector=app=held --min-available=4');
    await world.admin('-n held wait pdb/all --for=jsonpath={.status.currentHealthy}=4 --timeout=60s');
    for (const by of ['cli', 'http'] as const) {
      const node = nodes[by];
      expect(await world.call(by, 'cordon', node)).toMatchObject({ unschedulable: true, changed: true });
      expect(await world.call(by, 'cordon', node)).toMatchObject({ changed: false });
      await world.settled('shop');
      const preview = await both.same('drain_preview', { node: node.node });
      expect(preview).toMatchObject({
        kind: 'drainable',
        unschedulable: true,
        budgets: [{ namespace: 'held', name: 'all', disruptions_allowed: 0 }],
      });
      const refused = world.call(by, 'drain', preview['forward'] as JsonObject);
      await expect(refused).rejects.toMatchObject({
        code: 'tool_failed',
        retryable: true,
        details: {
          class: 'throttled',
          reason: 'budget_exhausted',
          evicted: expect.not.arrayContaining([expect.stringContaining('held/')]) as string[],
        },
      });
      expect(await world.call(by, 'uncordon', node)).toMatchObject({ unschedulable: false, changed: true });
    }
    expect(await both.refusal('uncordon', { ...nodes.cli, uid: nodes.http.uid })).toMatchObject({
      code: 'plan_stale',
      details: { reason: 'object_replaced' },
    });
    expect(
      await both.refusal('cordon', nodes.cli, { section: { ...world.section, namespaces: ['shop'] } }),
    ).toMatchObject({ code: 'forbidden', details: { effect: 'none', reason: 'namespace_not_listed' } });
    await world.admin('-n held delete pdb all');
    // What was evicted from the other node must not come here while it is looked at.
    await world.call('cli', 'cordon', nodes.cli);
    await world.settled('shop');
    const preview = await both.same('drain_preview', { node: first });
    const { evicted } = await world.call('cli', 'drain', preview['forward'] as JsonObject);
    expect(evicted).not.toEqual([]);
    let after = await world.call('http', 'drain_preview', { node: first });
    while (after['kind'] !== 'drained') after = await world.call('http', 'drain_preview', { node: first });
    expect(await world.call('http', 'drain', preview['forward'] as JsonObject)).toMatchObject({
      evicted: [],
      gone: evicted,
    });
  });

  test('no credential is on a command line or in what commands say', () => {
    const said = world.outputs.join('\n');
    expect(said).toContain('--kubeconfig=');
    expect(said).not.toContain(world.token);
    expect(said).not.toContain('eyJ');
  });
});
