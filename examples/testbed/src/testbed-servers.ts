import { CLUSTER_BUILD, ETCD_INSTALL } from './cluster-programs.ts';
import { findBuilt, findOnPath, type Binaries } from './find-binaries.ts';
import { SSHD_INSTALL } from './git-over-ssh.ts';
import { CLUSTER_SERVERS, startCluster } from './start-cluster.ts';
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
  start(options: ServerOptions): Promise<RunningServer>;
}

export interface RunningServer {
  /** What a person may type next. */
  readonly hints: readonly string[];
  readonly pids: Readonly<Record<string, number>>;
  readonly ended: Promise<string>;
  readonly stop: () => Promise<void>;
}

export const TESTBED_SERVERS: Readonly<Record<string, TestbedServer>> = {
  temporal: {
    about: 'Temporal development server',
    builds: ['temporal'],
    system: [],
    needs: { temporal: TEMPORAL_BUILD },
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
    start: async (options) => {
      const { url, kubeconfig, kubectl, helm, pids, ended, stop } = await startCluster(options);
      const hints = [
        `API ${url}`,
        `export KUBECONFIG=${kubeconfig}`,
        `${kubectl} get nodes,pods --all-namespaces`,
        `${helm} list --all-namespaces`,
      ];
      return { hints, pids, ended, stop };
    },
  },
  git: {
    about: 'Git over its own protocol, HTTP and SSH',
    builds: [],
    system: ['git', 'sshd'],
    needs: { git: GIT_INSTALL, sshd: SSHD_INSTALL },
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
};

/** What a server lacks on this machine, as `name: how to get it`; empty when it can start. */
export async function missingOf({ builds, system, needs }: TestbedServer): Promise<readonly string[]> {
  const found = Object.assign({}, await findBuilt(builds), ...system.map(findOnPath)) as Binaries;
  return Object.entries(needs)
    .filter(([name]) => !(name in found))
    .map(([name, how]) => `${name}: ${how}`);
}
