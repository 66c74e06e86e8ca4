import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { processesNaming } from './processes-naming.testing.ts';
import { startCluster, type Cluster } from './start-cluster.ts';
import { missingOf, TESTBED_SERVERS } from './testbed-servers.ts';

const server = TESTBED_SERVERS['cluster'];
if (server === undefined) throw new Error('The test bed has no cluster');
const missing = await missingOf(server);
if (missing.length > 0 && process.env['CI'] === 'true') throw new Error(missing.join('\n'));

describe.skipIf(missing.length > 0)('cluster (needs `npm run testbed -- build cluster` and etcd)', () => {
  let directory: string;
  let cluster: Cluster;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'carapulse-cluster-'));
    cluster = await startCluster({ directory, signal: new AbortController().signal });
  });
  afterAll(async () => {
    await cluster?.stop();
    await rm(directory, { recursive: true, force: true });
  });

  async function command(binary: string, ...args: readonly string[]): Promise<string> {
    const env = { PATH: process.env['PATH'] ?? '', HOME: directory, KUBECONFIG: cluster.kubeconfig };
    return (await promisify(execFile)(binary, args, { env })).stdout;
  }
  const kubectl = (...args: readonly string[]) => command(cluster.kubectl, ...args);
  const helm = (...args: readonly string[]) => command(cluster.helm, ...args);

  test('its nodes are ready, and the API says the version that is pinned', async () => {
    const nodes = await kubectl('get', 'nodes', '--no-headers');
    expect(nodes.trim().split('\n')).toEqual(
      cluster.nodes.map((name) => expect.stringMatching(new RegExp(`^${name} +Ready `))),
    );
    const version = JSON.parse(await kubectl('version', '-o', 'json')) as Record<string, unknown>;
    expect(version['serverVersion']).toMatchObject({ gitVersion: 'v1.34.4' });
  });

  test('a Deployment becomes available, and a changed one rolls out', async () => {
    await kubectl('create', 'deployment', 'web', '--image=example.com/web:1', '--replicas=2');
    await kubectl('rollout', 'status', 'deployment/web', '--timeout=60s');
    expect(await kubectl('get', 'deployment', 'web', '-o', 'jsonpath={.status.availableReplicas}')).toBe('2');
    await kubectl('set', 'image', 'deployment/web', 'web=example.com/web:2');
    await kubectl('rollout', 'status', 'deployment/web', '--timeout=60s');
    const replicaSets = await kubectl('get', 'replicasets', '-l', 'app=web', '-o', 'json');
    const ready = (JSON.parse(replicaSets) as ReplicaSets).items
      .filter(({ status }) => status.readyReplicas === 2)
      .map(({ spec }) => spec.template.spec.containers[0]?.image);
    expect(ready).toEqual(['example.com/web:2']);
  });

  test('helm installs a chart, upgrades it and rolls it back', async () => {
    const chart = join(directory, 'greeting');
    await mkdir(join(chart, 'templates'), { recursive: true });
    await writeFile(
      join(chart, 'Chart.yaml'),
      'apiVersion: v2\nname: greeting\nversion: 0.1.0\nkubeVersion: ">=1.34.0"\n',
    );
    await writeFile(join(chart, 'values.yaml'), 'greeting: hello\n');
    await writeFile(
      join(chart, 'templates', 'greeting.yaml'),
      'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: greeting}\ndata: {text: "{{ .Values.greeting }}"}\n',
    );
    const text = () => kubectl('get', 'configmap', 'greeting', '-o', 'jsonpath={.data.text}');
    await helm('install', 'greeting', chart, '--wait');
    expect(await text()).toBe('hello');
    await helm('upgrade', 'greeting', chart, '--set', 'greeting=good evening', '--wait');
    expect(await text()).toBe('good evening');
    await helm('rollback', 'greeting', '1', '--wait');
    expect(await text()).toBe('hello');
    const history = JSON.parse(await helm('history', 'greeting', '-o', 'json')) as { status: string }[];
    expect(history.map(({ status }) => status)).toEqual(['superseded', 'superseded', 'deployed']);
  });

  test('a start that is cancelled half-way leaves nothing', async () => {
    const other = await mkdtemp(join(tmpdir(), 'carapulse-cluster-'));
    try {
      const cancelling = new AbortController();
      const outcome = startCluster({ directory: other, signal: cancelling.signal }).catch((error) => error);
      // Written by the API server before it is ready.
      while (!existsSync(join(other, 'certificates', 'apiserver.crt'))) await setImmediate();
      expect(await processesNaming(other)).not.toEqual([]);
      cancelling.abort();
      expect(await outcome).toMatchObject({ code: 'cancelled' });
      expect(await processesNaming(other)).toEqual([]);
    } finally {
      await rm(other, { recursive: true, force: true });
    }
  });

  test('stopped, none of its programs is left', async () => {
    expect(await processesNaming(directory)).toHaveLength(5);
    await cluster.stop();
    expect(await processesNaming(directory)).toEqual([]);
  });
});

interface ReplicaSets {
  readonly items: readonly {
    readonly spec: {
      readonly template: { readonly spec: { readonly containers: readonly { readonly image: string }[] } };
    };
    readonly status: { readonly readyReplicas?: number };
  }[];
}
