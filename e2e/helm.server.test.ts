import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { JsonObject } from '@carapulse/kernel';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { HelmWorld } from './src/helm-world.ts';
import { missingForCluster } from './src/kubernetes-world.ts';

const missing = await missingForCluster();
const SECRET = 'hunter2-correct-horse';

describe.skipIf(missing.length > 0)('helm on a real cluster (needs the test bed’s cluster)', () => {
  let world: HelmWorld;
  beforeAll(async () => {
    world = await HelmWorld.start();
    for (const name of ['shop-secret', 'shop-random'])
      cpSync(join(world.charts, 'shop'), join(world.charts, name), { recursive: true });
    rename('shop-secret');
    rename('shop-random');
    const secret = (value: string): string =>
      `apiVersion: v1\nkind: Secret\nmetadata:\n  name: {{ .Release.Name }}-key\nstringData:\n  key: ${value}\n  other: same\n`;
    writeFileSync(
      join(world.charts, 'shop-secret/templates/secret.yaml'),
      secret('{{ .Values.config.currency }}-correct-horse'),
    );
    writeFileSync(join(world.charts, 'shop-random/templates/secret.yaml'), secret('{{ randAlphaNum 20 }}'));
    await world.install('web', 'shop');
  });
  afterAll(() => world?.stop());

  function rename(chart: string): void {
    const file = join(world.charts, chart, 'Chart.yaml');
    writeFileSync(file, readFileSync(file, 'utf8').replace(/^name: .*$/m, `name: ${chart}`));
  }

  const shop = { name: 'shop', version: '0.1.0' };

  /** A release with its preview. */
  async function planned(
    release: string,
    wanted: JsonObject,
    chart: JsonObject = shop,
  ): Promise<{ forward: JsonObject; undo: JsonObject; preview: JsonObject }> {
    const preview = await world.call('upgrade_preview', { release, chart, ...wanted });
    expect(['upgradable', 'irreversible']).toContain(preview['kind']);
    return { preview, forward: preview['forward'] as JsonObject, undo: preview['undo'] as JsonObject };
  }

  async function refusal(action: string, input: JsonObject, key?: string): Promise<JsonObject> {
    return await world.call(action, input, key === undefined ? {} : { key }).then(
      (output) => ({ code: 'done', output }),
      ({ code, details, message }: { code: string; details: JsonObject; message: string }) => ({
        code,
        details,
        message,
      }),
    );
  }

  test('reads are the same by helm and by its records', async () => {
    const both = async (action: string, input: JsonObject): Promise<JsonObject> => {
      const byHelm = await world.call(action, input);
      expect(await world.call(action, input, { by: 'http' })).toEqual(byHelm);
      return byHelm;
    };
    await world.install('other', 'shop', { replicas: 1 });
    expect(await both('list', {})).toMatchObject({
      empty: false,
      releases: [
        { release: 'other', revision: 1, status: 'deployed', chart: 'shop-0.1.0' },
        { release: 'web', revision: 1, status: 'deployed' },
      ],
    });
    expect(await both('status', { release: 'web' })).toMatchObject({
      revision: 1,
      status: 'deployed',
      description: 'Install complete',
      labels: {},
      workloads: [{ kind: 'deployment', namespace: 'shop', name: 'web' }],
    });
    expect(await both('history', { release: 'web' })).toMatchObject({ revisions: [{ revision: 1 }] });
    expect(await both('history', { release: 'none' })).toMatchObject({ empty: true, revisions: [] });
    expect(await both('get_values', { release: 'other' })).toMatchObject({ values: { replicas: 1 } });
    const { manifest } = await both('get_manifest', { release: 'web', revision: 1 });
    expect(manifest).toContain('kind: Deployment');
    for (const by of ['cli', 'http'] as const) {
      await expect(world.call('status', { release: 'none' }, { by })).rejects.toMatchObject({
        code: 'not_found',
        details: { reason: 'release_unknown' },
      });
    }
  });

  test('an upgrade is previewed with its diff, done once, and rolled back', async () => {
    const { preview, forward, undo } = await planned('web', { set: { image: { tag: '1.1.0-crash' } } });
    expect(preview).toMatchObject({
      revision: 1,
      status: 'deployed',
      // The tag is in a label of each.
      changes: ['Deployment', 'ConfigMap', 'Service'].map((kind) =>
        expect.stringContaining(` ${kind} shop/web`),
      ),
      hooks: [],
      crds: [],
      rollback: { kind: 'possible', to_revision: 1 },
      forward: { images: ['registry.example/shop:1.1.0-crash'], replicas: 2, secret_objects: 0 },
    });
    expect(preview['diff']).toContain(
      '-          image: "registry.example/shop:1.0.0"\n+          image: "registry.example/shop:1.1.0-crash"',
    );
    expect(await world.observe('upgrade', forward)).toBe('not_done');
    const made = await world.call('upgrade', forward);
    expect(made).toMatchObject({
      from_revision: 1,
      revision: 2,
      status: 'deployed',
      description: 'Carapulse execution/step/forward',
      manifest_digest: forward['expected_manifest'],
    });
    expect(await world.observe('upgrade', forward)).toBe('done');
    expect(await world.call('upgrade', forward)).toEqual(made);
    expect(await refusal('upgrade', forward, 'other/step/forward')).toMatchObject({
      code: 'plan_stale',
      details: { effect: 'none', reason: 'revision_moved' },
    });
    const key = 'execution/step/rollback';
    expect(await world.observe('rollback', undo, key)).toBe('not_done');
    const back = await world.call('rollback', undo, { key });
    expect(back).toMatchObject({
      revision: 3,
      status: 'deployed',
      description: 'Rollback to 1',
      manifest_digest: undo['expected_manifest'],
    });
    expect(await world.observe('rollback', undo, key)).toBe('done');
    expect(await world.call('rollback', undo, { key })).toEqual(back);
    expect(await refusal('rollback', undo, 'other/step/rollback')).toMatchObject({
      details: { effect: 'none', reason: 'revision_moved' },
    });
    await world.kubernetes.rolledOut('shop', 'web');
    // What the label of the first upgrade left on later revisions makes none of them the upgrade's.
    await world.admin('upgrade', 'web', 'shop', { replicas: 3 });
    expect(await world.call('upgrade', forward)).toMatchObject({ revision: 2, status: 'superseded' });
    expect((await world.history('web')).map(([revision]) => revision)).toEqual([1, 2, 3, 4]);
  });

  test('a rollback is refused from a revision that is neither ours nor as planned', async () => {
    await world.install('mine', 'shop');
    const { forward, undo } = await planned('mine', { set: { image: { tag: '1.1.0' } } });
    await world.admin('upgrade', 'mine', 'shop', { replicas: 5 });
    expect(await refusal('upgrade', forward)).toMatchObject({ details: { reason: 'revision_moved' } });
    expect(await world.observe('upgrade', forward)).toBe('not_done');
    expect(await refusal('rollback', undo)).toMatchObject({
      code: 'plan_stale',
      details: { reason: 'content_differs', effect: 'none' },
    });
    const preview = await world.call('rollback_preview', { release: 'mine' }, { by: 'http' });
    expect(preview).toMatchObject({ kind: 'possible', revision: 2, to_revision: 1, pending: false });
    const back = await world.call('rollback', preview['forward'] as JsonObject, {
      key: 'repair/step/forward',
    });
    expect(back).toMatchObject({ revision: 3, status: 'deployed' });
  });

  test('Secrets are masked, hooks and definitions leave no way back, what is random is refused', async () => {
    await world.install('keys', 'shop-secret', { config: { currency: 'EUR' } });
    const secret = { name: 'shop-secret', version: '0.1.0' };
    const { preview, forward } = await planned('keys', { set: { config: { currency: 'hunter2' } } }, secret);
    expect(preview['diff']).toContain('+  key: [masked: differs]');
    expect(preview['diff']).toContain('   other: [masked]');
    expect(forward['secret_objects']).toBe(1);
    expect(preview['diff']).not.toContain('correct-horse');
    await world.call('upgrade', forward);
    const { manifest } = await world.call('get_manifest', { release: 'keys' });
    expect(manifest).toContain('key: [masked]');
    expect(manifest).not.toContain(SECRET);
    await world.install('hooked', 'shop-hook');
    const hook = { name: 'shop-hook', version: '0.1.0' };
    const hooked = await planned('hooked', { set: { image: { tag: '1.1.0' } } }, hook);
    expect(hooked.preview).toMatchObject({ kind: 'irreversible', rollback: { kind: 'impossible' } });
    await world.install('defined', 'shop-crd');
    const defined = await world.call('upgrade_preview', {
      release: 'defined',
      chart: { name: 'shop-crd', version: '0.1.0' },
      set: { discount: { percent: 30 } },
    });
    expect(defined).toMatchObject({
      kind: 'irreversible',
      crds: [expect.stringContaining('discounts')],
    });
    await world.install('dice', 'shop-random');
    const dice = { release: 'dice', chart: { name: 'shop-random', version: '0.1.0' } };
    expect(await world.call('upgrade_preview', dice)).toMatchObject({
      kind: 'refused',
      reason: 'not_reproducible',
    });
  });

  test('a preview says why nothing can be done', async () => {
    await world.install('same', 'shop');
    const preview = (release: string, more: JsonObject = {}): Promise<JsonObject> =>
      world.call('upgrade_preview', { release, chart: shop, ...more });
    expect(await preview('same')).toMatchObject({ kind: 'refused', reason: 'no_change' });
    expect(await preview('none')).toMatchObject({ kind: 'refused', reason: 'not_found' });
    const bad = await preview('same', { set: { replicas: 'many' } });
    expect(bad).toMatchObject({ kind: 'refused', reason: 'render_failed' });
    expect(bad['detail']).toContain('replicas');
    await expect(preview('same', { chart: { name: 'shop', version: '9.9.9' } })).rejects.toMatchObject({
      code: 'not_found',
    });
    await world.kubernetes.admin(
      '-n shop annotate deployment same argocd.argoproj.io/tracking-id=a:apps/Deployment:shop/same',
    );
    expect(await preview('same', { set: { replicas: 3 } })).toMatchObject({ reason: 'field_owned' });
  });

  test('what was planned holds for its chart alone', async () => {
    await world.install('drift', 'shop');
    const { forward } = await planned('drift', { set: { replicas: 3 } });
    const file = join(world.charts, 'shop/templates/service.yaml');
    const text = readFileSync(file, 'utf8');
    writeFileSync(file, `${text}# another\n`);
    const refused = await refusal('upgrade', forward);
    writeFileSync(file, text);
    expect(refused).toMatchObject({
      code: 'plan_stale',
      details: { reason: 'chart_differs', effect: 'none' },
    });
    expect(await world.history('drift')).toEqual([[1, 'deployed']]);
  });

  test('a revision that the cluster does not take is made, and failed', async () => {
    await world.install('picky', 'shop');
    const { forward } = await planned('picky', { set: { service: { port: 8081 } } });
    await world.kubernetes.admin('create -f -', DENY_SERVICES);
    await denied();
    const made = await world.call('upgrade', forward);
    await world.kubernetes.admin('delete validatingadmissionpolicybinding no-services');
    expect(made).toMatchObject({ revision: 2, status: 'failed' });
    expect(made['description']).toContain('no services today');
    expect(await world.observe('upgrade', forward)).toBe('done');
    expect(await world.call('upgrade_preview', { release: 'picky', chart: shop })).toMatchObject({
      status: 'failed',
    });
  });

  /** Admission learns of a policy a moment later. */
  async function denied(): Promise<void> {
    const taken = (): Promise<boolean> =>
      world.kubernetes.admin('-n shop label service picky probe=1 --overwrite --dry-run=server').then(
        () => true,
        () => false,
      );
    while (await taken());
  }

  test('whenever helm is killed, what is observed is what happened', async () => {
    await world.install('killed', 'shop');
    const seen = new Set<string>();
    for (const [round, afterMs] of [0, 150, 250, 350, 450, 600, 900].entries()) {
      const from = (await world.history('killed')).at(-1);
      if (from?.[1] !== 'deployed') throw new Error('a round left the release pending');
      const { forward } = await planned('killed', { set: { config: { round: `${round}` } } });
      const key = `run${round}/step/forward`;
      const ends = (argv: readonly string[]): Promise<void> | null =>
        argv.includes('upgrade') && !argv.includes('--dry-run=server')
          ? new Promise((resolve) => setTimeout(resolve, afterMs))
          : null;
      await world.call('upgrade', forward, { key, ends }).catch(() => null);
      const observed = await world.observe('upgrade', forward, key);
      const [revision, status] = (await world.history('killed')).at(-1) ?? [];
      let happened = 'not_done';
      if (revision !== from[0]) happened = status === 'deployed' ? 'done' : 'unknown';
      expect(observed).toBe(happened);
      seen.add(happened);
      if (happened === 'unknown') await repaired('killed', `run${round}`);
    }
    expect(seen).toContain('not_done');
  }, 180_000);

  async function repaired(release: string, execution: string): Promise<void> {
    const preview = await world.call('rollback_preview', { release }, { by: 'http' });
    expect(preview).toMatchObject({ kind: 'possible', pending: true });
    const input = { ...(preview['forward'] as JsonObject), execution };
    const key = 'repair/step/forward';
    expect(await refusal('repair_pending', { ...input, execution: 'another' }, key)).toMatchObject({
      code: 'plan_stale',
      details: { effect: 'none', reason: 'pending_of_others' },
    });
    expect(await world.call('repair_pending', input, { key })).toMatchObject({ status: 'deployed' });
    expect(await world.observe('repair_pending', input, key)).toBe('done');
  }

  /** Resolves when the release is pending: its hook takes its time. */
  async function untilPending(release: string): Promise<void> {
    while ((await world.history(release)).at(-1)?.[1] !== 'pending-upgrade');
  }
  const slow = { migration: { tag: '1.0.0-slow50' } };

  test('a release left pending in the middle is unknown, refused to others, and put right by its run', async () => {
    await world.install('stuck', 'shop-hook');
    const chart = { name: 'shop-hook', version: '0.1.0' };
    const { forward } = await planned('stuck', { set: slow }, chart);
    const key = 'stuckrun/step/forward';
    const ends = (argv: readonly string[]): Promise<void> | null =>
      argv.some((word) => word.startsWith('--labels=')) ? untilPending('stuck') : null;
    await expect(world.call('upgrade', forward, { key, ends })).rejects.toMatchObject({
      code: 'tool_failed',
      details: { reason: 'left_pending' },
    });
    expect(await world.observe('upgrade', forward, key)).toBe('unknown');
    expect(await world.call('upgrade_preview', { release: 'stuck', chart })).toMatchObject({
      kind: 'refused',
      reason: 'pending',
      detail: expect.stringContaining('another run of Carapulse (mark '),
    });
    await repaired('stuck', 'stuckrun');
    expect(await world.history('stuck')).toEqual([
      [1, 'superseded'],
      [2, 'pending-upgrade'],
      [3, 'deployed'],
    ]);
    // Its own revision is still told as what it is.
    expect(await world.observe('upgrade', forward, key)).toBe('unknown');
  });

  test('what somebody else left pending is theirs', async () => {
    await world.install('theirs', 'shop-hook');
    const kill = new AbortController();
    const upgrading = world.admin('upgrade', 'theirs', 'shop-hook', slow, kill.signal).catch(() => null);
    await untilPending('theirs');
    kill.abort();
    await upgrading;
    const preview = await world.call('rollback_preview', { release: 'theirs' }, { by: 'http' });
    expect(preview).toMatchObject({ pending: true, left_by: 'nobody of Carapulse (field manager Helm)' });
    const forward = preview['forward'] as JsonObject;
    for (const [action, more] of [
      ['rollback', {}],
      ['repair_pending', { execution: 'mine' }],
    ] as const) {
      expect(await refusal(action, { ...forward, ...more }, 'mine/step/forward')).toMatchObject({
        code: 'plan_stale',
        details: { effect: 'none', reason: 'pending_of_others' },
        message: expect.stringContaining('field manager Helm'),
      });
    }
  });

  test('no credential is on a command line or in what helm says', () => {
    expect(world.kubernetes.outputs.join('\n')).not.toContain(world.kubernetes.token);
  });
});

const DENY_SERVICES = `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: no-services}
spec:
  failurePolicy: Fail
  matchConstraints:
    resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [UPDATE], resources: [services]}]
  matchConditions: [{name: picky, expression: "request.name == 'picky'"}]
  validations: [{expression: "false", message: no services today}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: no-services}
spec: {policyName: no-services, validationActions: [Deny]}
`;
