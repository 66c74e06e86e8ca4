// Owner: whoever started it. Boundary: five programs in one directory and a kubelet's log server in this process, all
// reached through the API server.
// 1. When startCluster has failed or stop() has resolved, none of them is left.
// 2. They stop in the reverse order of their start: nobody talks to one that is gone.
// 3. The token and the keys are made anew each time, and only this user may read them.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '@carapulse/kernel';
import { askApi, type ApiAccess } from './api-client.ts';
import * as programs from './cluster-programs.ts';
import { findBuilt, findOnPath, requireBinary } from './find-binaries.ts';
import { freePorts } from './free-ports.ts';
import { startKubeletLogs, type KubeletLogs } from './kubelet-logs.ts';
import { kubeletStages } from './kubelet-stages.ts';
import { createNode, nodesAreReady, setNodeReady } from './nodes.ts';
import { startServerProcess, untilReady, type ServerProcess } from './server-process.ts';
import type { ServerOptions } from './start-temporal.ts';

export interface Cluster {
  /** Path of a kubeconfig with full rights. */
  readonly kubeconfig: string;
  readonly url: string;
  /** PEM, base64, as a kubeconfig has it. */
  readonly caData: string;
  readonly nodes: readonly string[];
  /** Makes a node's kubelet report NotReady, or Ready again; resolves once the node's controller has acted on it. */
  readonly setNodeReady: (node: string, ready: boolean, signal: AbortSignal) => Promise<void>;
  /** Paths of `kubectl` and `helm`. */
  readonly kubectl: string;
  readonly helm: string;
  readonly pids: Readonly<Record<string, number>>;
  /** Resolves with a description when the first of its programs has ended, asked or not. */
  readonly ended: Promise<string>;
  readonly stop: () => Promise<void>;
}

export const CLUSTER_SERVERS = ['helm', 'kubernetes', 'kwok'];
const NODES = ['node-1', 'node-2'];

/**
 * A Kubernetes control plane over etcd, with nodes and pods that kwok plays.
 * @throws AppError `not_found` when a program is missing, `unavailable` when one doesn't start, `cancelled` on abort.
 */
export async function startCluster({ directory, signal }: ServerOptions): Promise<Cluster> {
  const binaries = { ...(await findBuilt(CLUSTER_SERVERS)), ...findOnPath('etcd') };
  const kubectl = requireBinary(binaries, 'kubectl', programs.CLUSTER_BUILD);
  const helm = requireBinary(binaries, 'helm', programs.CLUSTER_BUILD);
  const [etcdPort, peerPort, apiPort] = (await freePorts(3)) as [number, number, number];
  const at: programs.ClusterLayout = {
    directory,
    etcdUrl: `http://127.0.0.1:${etcdPort}`,
    etcdPeerUrl: `http://127.0.0.1:${peerPort}`,
    apiPort,
    tokenFile: join(directory, 'tokens.csv'),
    serviceAccountKey: join(directory, 'service-account.pem'),
    certificates: join(directory, 'certificates'),
    kubeconfig: join(directory, 'kubeconfig'),
    stages: join(directory, 'stages.yaml'),
  };
  const plans = {
    etcd: programs.etcd(binaries, at),
    apiServer: programs.apiServer(binaries, at),
    others: [programs.controllerManager, programs.scheduler, programs.kwok].map((plan) => plan(binaries, at)),
  };
  const started: ServerProcess[] = [];
  let logs: KubeletLogs | undefined;
  const start = async (options: Parameters<typeof startServerProcess>[0]) => {
    const server = await startServerProcess(options);
    started.push(server);
    return server;
  };
  const stop = async () => {
    for (const server of started.toReversed()) await server.stop();
    await logs?.stop();
  };
  try {
    const token = await writeKeys(at);
    const database = await start(plans.etcd);
    await untilReady(
      database,
      async (asking) => (await fetch(`${at.etcdUrl}/health`, { signal: asking })).ok,
      signal,
    );
    const api = await start(plans.apiServer);
    const access = await reachApi(api, at, token, signal);
    await writeKubeconfig(at, access);
    await writeFile(at.stages, kubeletStages());
    logs = await startKubeletLogs(access, await kubeletIdentity(at));
    for (const name of NODES) await createNode(access, { name, kubeletPort: logs.port }, signal);
    const others: ServerProcess[] = [];
    for (const plan of plans.others) others.push(await start(plan));
    // Each is watched, so that the one that dies is the one that is named.
    const ready = (asking: AbortSignal) => nodesAreReady(access, asking);
    await Promise.all(others.map((server) => untilReady(server, ready, signal)));
    const pids = Object.fromEntries(started.map(({ name, pid }) => [name, pid]));
    const ended = Promise.race(started.map(async (each) => `${each.name} ${await each.ended}`));
    const caData = Buffer.from(access.ca).toString('base64');
    return {
      kubeconfig: at.kubeconfig,
      url: access.url,
      caData,
      nodes: NODES,
      setNodeReady: (node, ready, asking) => setNodeReady(access, { node, ready }, asking),
      kubectl,
      helm,
      pids,
      ended,
      stop,
    };
  } catch (error) {
    await stop();
    if (!signal.aborted || error instanceof AppError) throw error;
    throw new AppError('cancelled', 'The start of the cluster was cancelled', { cause: error });
  }
}

/** @returns the administrator's token. */
async function writeKeys(at: programs.ClusterLayout): Promise<string> {
  const token = randomBytes(24).toString('base64url');
  await writeFile(at.tokenFile, `${token},testbed-admin,testbed-admin,"system:masters"\n`, { mode: 0o600 });
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  await writeFile(at.serviceAccountKey, privateKey.export({ type: 'pkcs1', format: 'pem' }), { mode: 0o600 });
  await mkdir(at.certificates, { recursive: true, mode: 0o700 });
  return token;
}

/** Ready means `/readyz` and the namespace `default`. */
async function reachApi(
  api: ServerProcess,
  at: programs.ClusterLayout,
  token: string,
  signal: AbortSignal,
): Promise<ApiAccess> {
  const url = `https://127.0.0.1:${at.apiPort}`;
  let ca = '';
  const ready = async (asking: AbortSignal) => {
    ca = lastCertificate(await readFile(join(at.certificates, 'apiserver.crt'), 'utf8'));
    for (const path of ['/readyz', '/api/v1/namespaces/default'])
      if ((await askApi({ url, ca, token }, { method: 'GET', path }, asking)).status !== 200) return false;
    return true;
  };
  await untilReady(api, ready, signal);
  return { url, ca, token };
}

/** The API server checks no kubelet's certificate; what it made for itself serves here too. */
async function kubeletIdentity({ certificates }: programs.ClusterLayout) {
  const [key, cert] = await Promise.all(
    ['apiserver.key', 'apiserver.crt'].map((file) => readFile(join(certificates, file), 'utf8')),
  );
  return { key: key ?? '', cert: cert ?? '' };
}

/** The API server's file holds its certificate, then that of the authority it made. */
function lastCertificate(pem: string): string {
  return pem.slice(pem.lastIndexOf('-----BEGIN CERTIFICATE-----'));
}

async function writeKubeconfig(at: programs.ClusterLayout, access: ApiAccess): Promise<void> {
  const caData = Buffer.from(access.ca).toString('base64');
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'testbed',
    contexts: [{ name: 'testbed', context: { cluster: 'testbed', user: 'admin', namespace: 'default' } }],
    clusters: [{ name: 'testbed', cluster: { server: access.url, 'certificate-authority-data': caData } }],
    users: [{ name: 'admin', user: { token: access.token } }],
  };
  // JSON is YAML.
  await writeFile(at.kubeconfig, `${JSON.stringify(config, null, 2)}\n`, { mode: 0o600 });
}
