import { execFile, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CHARTS } from './charts.ts';
import { startCluster, type Cluster } from './start-cluster.ts';
import { missingOf, TESTBED_SERVERS } from './testbed-servers.ts';

const server = TESTBED_SERVERS['cluster'];
if (server === undefined) throw new Error('The test bed has no cluster');
const missing = await missingOf(server);
if (missing.length > 0 && process.env['CI'] === 'true') throw new Error(missing.join('\n'));

describe.skipIf(missing.length > 0)('kubelets (needs `npm run testbed -- build cluster` and etcd)', () => {
  let directory: string;
  let cluster: Cluster;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'carapulse-kubelet-'));
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
  const runPod = (name: string, tag: string) => kubectl('run', name, `--image=registry.example/a:${tag}`);
  const STATUS = '.status.containerStatuses[0]';
  const until = (object: string, path: string, value: string) =>
    kubectl('wait', object, `--for=jsonpath={${path}}=${value}`, '--timeout=60s');
  async function containerOf(pod: string): Promise<Record<string, unknown>> {
    const { status } = JSON.parse(await kubectl('get', 'pod', pod, '-o', 'json')) as PodStatus;
    return status.containerStatuses[0] ?? {};
  }
  /** The name of the event once there is one; it comes a moment after the status. */
  async function eventOf(pod: string, reason: string): Promise<string> {
    const selector = `--field-selector=involvedObject.name=${pod},reason=${reason}`;
    const args = [`--kubeconfig=${cluster.kubeconfig}`, 'get', 'events', '--watch', '--request-timeout=60s'];
    const stdio = ['ignore', 'pipe', 'inherit'] as const;
    const child = spawn(cluster.kubectl, [...args, '-o', 'name', selector], { stdio: [...stdio] });
    for await (const line of createInterface(child.stdout)) {
      child.kill();
      return line;
    }
    return `no event ${reason} of ${pod}`;
  }

  test('a tag with -crash crash-loops: restarts counted, the last end told, its log kept', async () => {
    await runPod('crash', '1.1.0-crash');
    await until('pod/crash', `${STATUS}.state.waiting.reason`, 'CrashLoopBackOff');
    expect(await containerOf('crash')).toMatchObject({
      ready: false,
      restartCount: 1,
      state: {
        waiting: { message: expect.stringMatching(/^back-off 10s restarting failed container=crash /) },
      },
      lastState: { terminated: { reason: 'Error', exitCode: 1 } },
    });
    expect(await eventOf('crash', 'BackOff')).toMatch(/^event\/crash\./);
    expect(await kubectl('logs', 'crash', '--previous')).toMatch(/level=fatal .*\n$/);
    await until('pod/crash', `${STATUS}.restartCount`, '2');
  });

  test('a tag with -oom is killed for its memory', async () => {
    await runPod('oom', '1-oom');
    await until('pod/oom', `${STATUS}.lastState.terminated.reason`, 'OOMKilled');
    expect(await containerOf('oom')).toMatchObject({ lastState: { terminated: { exitCode: 137 } } });
  });

  test('a tag with -nopull is never pulled', async () => {
    await runPod('nopull', '1-nopull');
    await until('pod/nopull', `${STATUS}.state.waiting.reason`, 'ImagePullBackOff');
    expect(await kubectl('get', 'pod', 'nopull', '-o', 'jsonpath={.status.phase}')).toBe('Pending');
    expect(await eventOf('nopull', 'Failed')).toMatch(/^event\/nopull\./);
    await expect(kubectl('logs', 'nopull')).rejects.toMatchObject({
      stderr: expect.stringContaining('waiting to start'),
    });
  });

  test('a tag with -unready runs and stays unready', async () => {
    await runPod('unready', '1-unready');
    await until('pod/unready', '.status.phase', 'Running');
    expect(await containerOf('unready')).toMatchObject({ ready: false, restartCount: 0 });
    expect(await eventOf('unready', 'Unhealthy')).toMatch(/^event\/unready\./);
  });

  test('a tag with -slow becomes ready later, one with -late is ready and crashes later', async () => {
    await Promise.all([runPod('slow', '1-slow3'), runPod('late', '1-late12')]);
    const ready = (pod: string) => kubectl('wait', `pod/${pod}`, '--for=condition=Ready', '--timeout=60s');
    await Promise.all(['slow', 'late'].map(ready));
    // Times of the API are whole seconds.
    expect(
      await secondsOf('slow', '.status.conditions[?(@.type=="Ready")].lastTransitionTime'),
    ).toBeGreaterThanOrEqual(2);
    await until('pod/late', `${STATUS}.state.waiting.reason`, 'CrashLoopBackOff');
    expect(await secondsOf('late', `${STATUS}.lastState.terminated.finishedAt`)).toBeGreaterThanOrEqual(11);
    await until('pod/late', '.status.conditions[?(@.type=="Ready")].status', 'False');
  });
  /** From a pod's start to a time in its status. */
  async function secondsOf(pod: string, path: string): Promise<number> {
    const times = await kubectl('get', 'pod', pod, '-o', `jsonpath={.status.startTime} {${path}}`);
    const [from = '', to = ''] = times.split(' ');
    return (Date.parse(to) - Date.parse(from)) / 1000;
  }

  test('a word that only resembles a fault is none', async () => {
    await runPod('fine', '1-crashed-unreadyish');
    await kubectl('wait', 'pod/fine', '--for=condition=Ready', '--timeout=60s');
    expect(await containerOf('fine')).toMatchObject({ ready: true, restartCount: 0 });
  });

  test('an upgrade to what crashes stops at its deadline, the old pods serve on, a rollback mends it', async () => {
    await helm('install', 'shop', CHARTS.shop, '--wait');
    const worse = ['--set', 'image.tag=1.1.0-crash', '--set', 'progressDeadlineSeconds=2'];
    await helm('upgrade', 'shop', CHARTS.shop, ...worse);
    await until(
      'deployment/shop',
      '.status.conditions[?(@.type=="Progressing")].reason',
      'ProgressDeadlineExceeded',
    );
    expect(await kubectl('get', 'deployment', 'shop', '-o', 'jsonpath={.status.availableReplicas}')).toBe(
      '2',
    );
    await helm('rollback', 'shop', '1', '--wait', '--timeout', '60s');
    await kubectl('rollout', 'status', 'deployment/shop', '--timeout=60s');
  });

  test('a hook that fails stops the upgrade before the Deployment changes', async () => {
    await helm('install', 'hooked', CHARTS.shopHook, '--wait');
    const upgrade = helm('upgrade', 'hooked', CHARTS.shopHook, '--set', 'migration.tag=2-crash,image.tag=2');
    await expect(upgrade).rejects.toMatchObject({
      stderr: expect.stringContaining('pre-upgrade hooks failed'),
    });
    const image = 'jsonpath={.spec.template.spec.containers[0].image}';
    expect(await kubectl('get', 'deployment', 'hooked', '-o', image)).toBe('registry.example/shop:1.0.0');
  });

  test('a kind that a chart brought outlives the release', async () => {
    await helm('install', 'own-kind', CHARTS.shopCrd, '--wait');
    expect(await kubectl('get', 'discount', 'own-kind', '-o', 'jsonpath={.spec.percent}')).toBe('5');
    await helm('uninstall', 'own-kind', '--wait');
    expect(await kubectl('get', 'discounts')).toBe('');
  });

  test('logs: what the pod says of itself, cut by tail and since, with times', async () => {
    await runPod('talker', '1');
    await kubectl('wait', 'pod/talker', '--for=condition=Ready', '--timeout=60s');
    await kubectl('annotate', 'pod', 'talker', 'testbed/log=first\nsecond');
    expect(await kubectl('logs', 'talker')).toMatch(
      /^level=info .*image=registry.example\/a:1\n.*\nfirst\nsecond\n$/,
    );
    expect(await kubectl('logs', 'talker', '--tail=1')).toBe('second\n');
    expect(await kubectl('logs', 'talker', '--tail=1', '--timestamps')).toMatch(/^\d{4}-.*Z second\n$/);
    const start = await kubectl('get', 'pod', 'talker', '-o', `jsonpath={${STATUS}.state.running.startedAt}`);
    const after = new Date(Date.parse(start) + 1000).toISOString();
    expect(await kubectl('logs', 'talker', `--since-time=${start}`)).toContain('first');
    expect(await kubectl('logs', 'talker', `--since-time=${after}`)).toBe('');
    await expect(kubectl('logs', 'talker', '--previous')).rejects.toMatchObject({
      stderr: expect.stringContaining('previous terminated container "talker" not found'),
    });
  });

  test('a node goes away and comes back; nothing is scheduled there meanwhile', async () => {
    const [gone = '', stays = ''] = cluster.nodes;
    const patience = () => AbortSignal.timeout(60_000);
    await cluster.setNodeReady(gone, false, patience());
    try {
      expect(await kubectl('get', 'node', gone, '--no-headers')).toMatch(/ NotReady /);
      await kubectl('create', 'deployment', 'evading', '--image=registry.example/a:1', '--replicas=4');
      await kubectl('rollout', 'status', 'deployment/evading', '--timeout=60s');
      const where = 'jsonpath={.items[*].spec.nodeName}';
      const placed = await kubectl('get', 'pods', '-l', 'app=evading', '-o', where);
      expect(new Set(placed.split(' '))).toEqual(new Set([stays]));
    } finally {
      await cluster.setNodeReady(gone, true, patience());
    }
    expect(await kubectl('get', 'node', gone, '--no-headers')).toMatch(/ Ready /);
  });

  test('a token of a service account may do what its role says and no more', async () => {
    await kubectl('create', 'serviceaccount', 'reader');
    await kubectl('create', 'role', 'reader', '--verb=get,list', '--resource=pods');
    await kubectl('create', 'rolebinding', 'reader', '--role=reader', '--serviceaccount=default:reader');
    const token = (await kubectl('create', 'token', 'reader', '--duration=10m')).trim();
    const config = JSON.parse(await readFile(cluster.kubeconfig, 'utf8')) as Record<string, unknown>;
    const path = join(directory, 'reader.kubeconfig');
    await writeFile(path, JSON.stringify({ ...config, users: [{ name: 'admin', user: { token } }] }));
    const asReader = (...args: readonly string[]) => kubectl(`--kubeconfig=${path}`, ...args);
    await runPod('read', '1');
    expect(await asReader('get', 'pod', 'read', '-o', 'name')).toBe('pod/read\n');
    await expect(asReader('get', 'nodes')).rejects.toMatchObject({
      stderr: expect.stringContaining('system:serviceaccount:default:reader'),
    });
  });
});

interface PodStatus {
  readonly status: { readonly containerStatuses: readonly Record<string, unknown>[] };
}
