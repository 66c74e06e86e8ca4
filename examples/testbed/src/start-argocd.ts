// Owner: whoever started it. Boundary: Redis and three programs of Argo CD in one directory, and what they keep in the
// namespace `argocd` of a cluster that its owner started before and stops after.
// 1. When startArgocd has failed or stop() has resolved, none of them is left.
// 2. They stop in the reverse order of their start.
// 3. The API asks for a token; the tokens, Argo CD's key and the password of Redis are made anew each time.
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { AppError } from '@carapulse/kernel';
import { ARGOCD_NAMESPACE, argocdResources, type ArgocdTokens } from './argocd-resources.ts';
import { findBuilt, findOnPath, requireBinary } from './find-binaries.ts';
import { freePorts } from './free-ports.ts';
import { startServerProcess, untilReady, type ServerProcess } from './server-process.ts';
import type { Cluster } from './start-cluster.ts';
import type { ServerOptions } from './start-temporal.ts';

export interface Argocd {
  /** `http://host:port` of its API. */
  readonly url: string;
  /** API tokens of its accounts: `carapulse` looks and syncs, `reader` looks, `operator` may do all. */
  readonly tokens: ArgocdTokens;
  /** Where Applications are. */
  readonly namespace: string;
  /** Its command line, the same program as the servers. */
  readonly binary: string;
  readonly pids: Readonly<Record<string, number>>;
  /** Resolves with a description when the first of its programs has ended, asked or not. */
  readonly ended: Promise<string>;
  readonly stop: () => Promise<void>;
}

export interface ArgocdOptions extends ServerOptions {
  readonly cluster: Pick<Cluster, 'kubeconfig' | 'kubectl' | 'helm'>;
}

export const ARGOCD_BUILD = 'build it with `npm run testbed -- build argocd` (about 7 minutes, once)';
export const REDIS_INSTALL = 'install it with `apt-get install redis-server`';
const CRDS = ['application-crd.yaml', 'appproject-crd.yaml', 'applicationset-crd.yaml'];

/**
 * Argo CD on a cluster that runs, once its API answers a token and its controller has seen the cluster.
 * @throws AppError `not_found` when a program is missing, `unavailable` when one doesn't start, `cancelled` on abort.
 */
export async function startArgocd({ cluster, directory, signal }: ArgocdOptions): Promise<Argocd> {
  const binary = requireBinary(await findBuilt(['argocd']), 'argocd', ARGOCD_BUILD);
  const redisServer = requireBinary(findOnPath('redis-server'), 'redis-server', REDIS_INSTALL);
  const ports = await freePorts(6);
  const [redisPort, repo, repoMetrics, api, apiMetrics, controllerMetrics] = ports as Six;
  const { items, tokens } = argocdResources(Math.floor(Date.now() / 1000));
  const password = randomBytes(24).toString('base64url');
  const started: ServerProcess[] = [];
  const start = async (options: Parameters<typeof startServerProcess>[0]) => {
    const server = await startServerProcess(options);
    started.push(server);
    return server;
  };
  const stop = async () => {
    for (const server of started.toReversed()) await server.stop();
  };
  const env = await environment({ cluster, directory, password });
  const part = (name: string, ...args: readonly string[]) =>
    start({
      name,
      binary,
      args: [`--redis=127.0.0.1:${redisPort}`, '--loglevel=warn', ...args],
      directory,
      env: { ...env, ARGOCD_BINARY_NAME: name },
    });
  const inCluster = [
    `--kubeconfig=${cluster.kubeconfig}`,
    `--namespace=${ARGOCD_NAMESPACE}`,
    `--repo-server=127.0.0.1:${repo}`,
  ];
  try {
    const conf = join(directory, 'redis.conf');
    await writeFile(conf, redisConfig(redisPort, password), { mode: 0o600 });
    const redis = await start({ name: 'redis', binary: redisServer, args: [conf], directory });
    await prepareCluster({ cluster, crds: dirname(binary), items, directory, redis }, signal);
    await part(
      'argocd-repo-server',
      '--address=127.0.0.1',
      `--port=${repo}`,
      '--metrics-address=127.0.0.1',
      `--metrics-port=${repoMetrics}`,
    );
    const controller = await part(
      'argocd-application-controller',
      ...inCluster,
      `--metrics-port=${controllerMetrics}`,
    );
    const server = await part(
      'argocd-server',
      ...inCluster,
      '--insecure',
      '--address=127.0.0.1',
      `--port=${api}`,
      `--metrics-port=${apiMetrics}`,
    );
    const url = `http://127.0.0.1:${api}`;
    await untilReady(server, (asking) => answersTokens(url, tokens, asking), signal);
    await untilReady(controller, (asking) => isHealthy(controllerMetrics, asking), signal);
    const pids = Object.fromEntries(started.map(({ name, pid }) => [name, pid]));
    const ended = Promise.race(started.map(async (each) => `${each.name} ${await each.ended}`));
    return { url, tokens, namespace: ARGOCD_NAMESPACE, binary, pids, ended, stop };
  } catch (error) {
    await stop();
    if (!signal.aborted || error instanceof AppError) throw error;
    throw new AppError('cancelled', 'The start of Argo CD was cancelled', { cause: error });
  }
}

type Six = [number, number, number, number, number, number];

interface Surroundings {
  readonly cluster: ArgocdOptions['cluster'];
  readonly directory: string;
  readonly password: string;
}

/** Paths that are below /app in its image, and the programs that render manifests. */
async function environment({ cluster, directory, password }: Surroundings) {
  const folders = ['tls', 'ssh', 'gpg', 'gnupg', 'plugins'].map((name) => join(directory, name));
  for (const folder of folders) await mkdir(folder, { recursive: true, mode: 0o700 });
  const [tls = '', ssh = '', gpg = '', gnupg = '', plugins = ''] = folders;
  return {
    PATH: [dirname(cluster.helm), process.env['PATH'] ?? ''].join(delimiter),
    KUBECONFIG: cluster.kubeconfig,
    REDIS_PASSWORD: password,
    // The cluster of the kubeconfig is the one that Argo CD calls its own.
    ARGOCD_FAKE_IN_CLUSTER: 'true',
    ARGOCD_GPG_ENABLED: 'false',
    ARGOCD_TLS_DATA_PATH: tls,
    ARGOCD_SSH_DATA_PATH: ssh,
    ARGOCD_GPG_DATA_PATH: gpg,
    ARGOCD_GNUPGHOME: gnupg,
    ARGOCD_PLUGINSOCKFILEPATH: plugins,
  };
}

function redisConfig(port: number, password: string): string {
  const lines = ['bind 127.0.0.1', `port ${port}`, `requirepass ${password}`, 'save ""', 'appendonly no'];
  return `${lines.join('\n')}\n`;
}

interface Preparation {
  readonly cluster: ArgocdOptions['cluster'];
  /** The folder that holds the definitions of its kinds. */
  readonly crds: string;
  readonly items: readonly object[];
  readonly directory: string;
  /** Runs meanwhile; its death ends the wait. */
  readonly redis: ServerProcess;
}

async function prepareCluster(
  { cluster, crds, items, directory, redis }: Preparation,
  signal: AbortSignal,
): Promise<void> {
  const kubectl = (...args: readonly string[]) =>
    promisify(execFile)(cluster.kubectl, [`--kubeconfig=${cluster.kubeconfig}`, ...args], {
      env: { PATH: process.env['PATH'] ?? '', HOME: directory },
      signal,
    });
  // Too large for the annotation that `apply` keeps; the server's own apply keeps none.
  const serverSide = ['--server-side', '--force-conflicts'];
  await kubectl('apply', ...serverSide, ...CRDS.flatMap((crd) => ['-f', join(crds, crd)]));
  const served = async () => {
    for (const kind of ['applications', 'appprojects', 'applicationsets'])
      await kubectl('get', '--raw', `/apis/argoproj.io/v1alpha1/${kind}`);
    return true;
  };
  await untilReady(redis, served, signal);
  const file = join(directory, 'resources.json');
  await writeFile(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items }), { mode: 0o600 });
  await kubectl('apply', ...serverSide, '-f', file);
}

async function answersTokens(url: string, { reader }: ArgocdTokens, signal: AbortSignal): Promise<boolean> {
  const headers = { authorization: `Bearer ${reader}` };
  return (await fetch(`${url}/api/v1/applications`, { headers, signal })).ok;
}

async function isHealthy(port: number, signal: AbortSignal): Promise<boolean> {
  return (await fetch(`http://127.0.0.1:${port}/healthz`, { signal })).ok;
}
