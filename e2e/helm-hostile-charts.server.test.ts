import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { HelmWorld } from './src/helm-world.ts';
import { missingForCluster } from './src/kubernetes-world.ts';

const missing = await missingForCluster();

/** What a chart may write, and where the cluster then has it; none of it is told by its lines. */
const HOSTILE = {
  merged: {
    text: 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: merged\n  <<: {namespace: other}\n',
    lies: ['-n', 'other', 'configmap', 'merged'],
  },
  escaped: {
    text: 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: escaped\n  "namespac\\x65": other\n',
    lies: ['-n', 'other', 'configmap', 'escaped'],
  },
  asked: {
    text: 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: asked\n  ? namespace\n  : other\n',
    lies: ['-n', 'other', 'configmap', 'asked'],
  },
  flow: {
    text: 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  {namespace: other, name: flow, annotations: {a: "\n  name: x\n  "}}\n',
    lies: ['-n', 'other', 'configmap', 'flow'],
  },
  edge: {
    text: '# x\n  metadata:\n    name: edge\n    annotations:\n      a: "\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: x\n "\n  apiVersion: v1\n  kind: Secret\n  stringData: {key: S3CR3T}\n',
    lies: ['-n', 'shop', 'secret', 'edge'],
  },
  broken: {
    text: 'apiVersion: v1\nmetadata:\n  name: broken\n  annotations:\n    a: "\nkind: ConfigMap\n "\n# Source: x\u0085kind: Secret\nstringData: {key: S3CR3T}\n',
    lies: ['-n', 'shop', 'secret', 'broken'],
  },
} as const;
const NAMES = Object.keys(HOSTILE) as (keyof typeof HOSTILE)[];

describe.skipIf(missing.length > 0)('hostile charts on a real cluster (needs the test bed’s cluster)', () => {
  let world: HelmWorld;
  beforeAll(async () => {
    world = await HelmWorld.start();
    const chart = join(world.charts, 'shop-random');
    cpSync(join(world.charts, 'shop'), chart, { recursive: true });
    rmSync(join(chart, 'values.schema.json'));
    const meta = join(chart, 'Chart.yaml');
    writeFileSync(meta, readFileSync(meta, 'utf8').replace(/^name: .*$/m, 'name: shop-random'));
    for (const name of NAMES) {
      const text = `{{- if eq (.Values.hostile | default "") "${name}" }}\n${HOSTILE[name].text}{{- end }}\n`;
      writeFileSync(join(chart, `templates/hostile-${name}.yaml`), text);
    }
    await world.kubernetes.admin('create namespace other');
  });
  afterAll(() => world?.stop());

  test.each(NAMES)('%s: what the cluster would read otherwise than we do is not planned', async (name) => {
    await world.install(name, 'shop-random');
    const preview = await world.call('upgrade_preview', {
      release: name,
      chart: { name: 'shop-random', version: '0.1.0' },
      set: { hostile: name },
    });
    await world.admin('upgrade', name, 'shop-random', { hostile: name });
    expect(await world.kubernetes.object(...HOSTILE[name].lies)).toMatchObject({ metadata: {} });
    expect(preview).toMatchObject({ kind: 'refused', reason: 'unreadable' });
    const shown = await world.call('get_manifest', { release: name });
    expect(JSON.stringify(shown)).not.toContain('S3CR3T');
  });
});
