import { AppError } from '@carapulse/kernel';
import { CHARTS } from './charts.ts';
import { CLUSTER_BUILD, ETCD_INSTALL } from './cluster-programs.ts';
import {
  newGithubRepository,
  newGitlabProject,
  startFakeGithub,
  startFakeGitlab,
  startFakeGrafana,
} from './fakes/index.ts';
import { findBuilt, findOnPath, type Binaries } from './find-binaries.ts';
import { SSHD_INSTALL } from './git-over-ssh.ts';
import { ARGOCD_BUILD, REDIS_INSTALL, startArgocd } from './start-argocd.ts';
import { CLUSTER_SERVERS, startCluster, type Cluster } from './start-cluster.ts';
import { GIT_INSTALL, startGitServer } from './start-git-server.ts';
import { startTemporal, TEMPORAL_BUILD, type ServerOptions } from './start-temporal.ts';

/** A server that the command knows, whatever it consists of. */
export interface TestbedServer {
  readonly about: string;
  /** Folders of native/servers that hold its pins. */
  readonly builds: readonly string[];
  /** Programs that come with the system. */
  readonly system: readonly string[];
  /** All programs that it needs, with how to get the one that is missing. */
  readonly needs: Readonly<Record<string, string>>;
  /** Servers that run before it, and are started with it. */
  readonly on: readonly string[];
  start(options: ServerOptions, running: ReadonlyMap<string, RunningServer>): Promise<RunningServer>;
}

export interface RunningServer {
  /** What a person may type next. */
  readonly hints: readonly string[];
  readonly pids: Readonly<Record<string, number>>;
  readonly ended: Promise<string>;
  readonly stop: () => Promise<void>;
  /** Of the server that is one, for those that run on it. */
  readonly cluster?: Cluster;
}

export const TESTBED_SERVERS: Readonly<Record<string, TestbedServer>> = {
  temporal: {
    about: 'Temporal development server',
    builds: ['temporal'],
    system: [],
    needs: { temporal: TEMPORAL_BUILD },
    on: [],
    start: async (options) => {
      const { address, namespace, binary, pid, ended, stop } = await startTemporal(options);
      const hints = [
        `address ${address}, namespace ${namespace}`,
        `${binary} workflow list --address ${address} --namespace ${namespace}`,
      ];
      return { hints, pids: { temporal: pid }, ended, stop };
    },
  },
  cluster: {
    about: 'Kubernetes API, controllers and scheduler; nodes and pods played by kwok',
    builds: CLUSTER_SERVERS,
    system: ['etcd'],
    needs: {
      etcd: ETCD_INSTALL,
      'kube-apiserver': CLUSTER_BUILD,
      'kube-controller-manager': CLUSTER_BUILD,
      'kube-scheduler': CLUSTER_BUILD,
      kubectl: CLUSTER_BUILD,
      kwok: CLUSTER_BUILD,
      helm: CLUSTER_BUILD,
    },
    on: [],
    start: async (options) => {
      const cluster = await startCluster(options);
      const { url, kubeconfig, kubectl, helm, pids, ended, stop } = cluster;
      const hints = [
        `API ${url}`,
        `export KUBECONFIG=${kubeconfig}`,
        `${kubectl} get nodes,pods --all-namespaces`,
        `${helm} install shop ${CHARTS.shop} --wait`,
      ];
      return { hints, pids, ended, stop, cluster };
    },
  },
  git: {
    about: 'Git over its own protocol, HTTP and SSH',
    builds: [],
    system: ['git', 'sshd'],
    needs: { git: GIT_INSTALL, sshd: SSHD_INSTALL },
    on: [],
    start: async (options) => {
      const server = await startGitServer(options);
      await server.createRepository('shop', { 'README.md': 'A repository of the test bed.\n' });
      const { keyFile, knownHostsFile } = server.ssh;
      const hints = [
        `git clone ${server.urlOf('shop')}`,
        `git clone ${server.httpUrlOf('shop')}`,
        `GIT_SSH_COMMAND="ssh -i ${keyFile} -o UserKnownHostsFile=${knownHostsFile}" git clone ${server.sshUrlOf('shop')}`,
        `repositories ${server.pathOf('*')}`,
      ];
      return { hints, pids: server.pids, ended: server.ended, stop: server.stop };
    },
  },
  argocd: {
    about: 'Argo CD with Redis, on the cluster',
    builds: ['argocd'],
    system: ['redis-server'],
    needs: { argocd: ARGOCD_BUILD, 'redis-server': REDIS_INSTALL },
    on: ['cluster'],
    start: async (options, running) => {
      const cluster = running.get('cluster')?.cluster;
      if (cluster === undefined) throw new AppError('unavailable', 'Argo CD needs a cluster that runs');
      const { url, tokens, binary, pids, ended, stop } = await startArgocd({ ...options, cluster });
      const client = `${binary} --server ${url.slice('http://'.length)} --plaintext`;
      const hints = [
        `API ${url}`,
        ...Object.entries(tokens).map(([account, token]) => `token of ${account}: ${token}`),
        `${client} --auth-token ${tokens.operator} app list`,
      ];
      return { hints, pids, ended, stop };
    },
  },
  fakes: {
    about: 'fakes of Grafana, GitHub and GitLab, which keep what they are told in memory',
    builds: [],
    system: [],
    needs: {},
    on: [],
    start: startFakes,
  },
};

async function startFakes(): Promise<RunningServer> {
  const [grafana, github, gitlab] = await Promise.all([
    startFakeGrafana(),
    startFakeGithub(),
    startFakeGitlab(),
  ]);
  const branches = { main: '1'.repeat(40), fix: '2'.repeat(40) };
  github.repositories.set('acme/shop', newGithubRepository(branches));
  gitlab.projects.set('acme/shop', newGitlabProject(1, branches));
  const curl = (token: string, url: string) => `curl -H 'authorization: Bearer ${token}' ${url}`;
  const hints = [
    curl(grafana.tokens.editor, `${grafana.url}/api/annotations`),
    curl(github.tokens.writer, `${github.url}/repos/acme/shop/pulls`),
    curl(gitlab.tokens.writer, `${gitlab.url}/api/v4/projects/acme%2Fshop/merge_requests`),
  ];
  // They live in this process, so none of them ends before it.
  const ended = new Promise<string>(() => undefined);
  const stop = async () => {
    for (const fake of [grafana, github, gitlab]) await fake.stop();
  };
  return { hints, pids: {}, ended, stop };
}

/** The servers that are named, each after those it runs on, all once. */
export function withThoseBelow(names: readonly string[]): readonly string[] {
  return [...new Set(names.flatMap((name) => [...withThoseBelow(TESTBED_SERVERS[name]?.on ?? []), name]))];
}

/** What a server lacks on this machine, as `name: how to get it`; empty when it can start. */
export async function missingOf({ builds, system, needs }: TestbedServer): Promise<readonly string[]> {
  const found = Object.assign({}, await findBuilt(builds), ...system.map(findOnPath)) as Binaries;
  return Object.entries(needs)
    .filter(([name]) => !(name in found))
    .map(([name, how]) => `${name}: ${how}`);
}
