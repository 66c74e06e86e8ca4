import { join } from 'node:path';
import type { Binaries } from './find-binaries.ts';
import { requireBinary } from './find-binaries.ts';
import type { ServerProcessOptions } from './server-process.ts';

/** Where everything of a cluster is; the paths are below one directory. */
export interface ClusterLayout {
  readonly directory: string;
  readonly etcdUrl: string;
  readonly etcdPeerUrl: string;
  readonly apiPort: number;
  /** `token,user,uid,"groups"` lines. */
  readonly tokenFile: string;
  /** RSA key in PEM that signs the tokens of service accounts. */
  readonly serviceAccountKey: string;
  /** Where the API server writes the certificate that it makes for itself. */
  readonly certificates: string;
  readonly kubeconfig: string;
  /** What kwok's nodes and pods do. */
  readonly stages: string;
}

export const ETCD_INSTALL = 'install it with `apt-get install etcd-server`';
export const CLUSTER_BUILD =
  'build it with `npm run testbed -- build cluster` (about 10 minutes, once; Go 1.21 or newer)';

export function etcd(binaries: Binaries, at: ClusterLayout): ServerProcessOptions {
  return {
    name: 'etcd',
    binary: requireBinary(binaries, 'etcd', ETCD_INSTALL),
    args: [
      `--data-dir=${join(at.directory, 'etcd')}`,
      `--listen-client-urls=${at.etcdUrl}`,
      `--advertise-client-urls=${at.etcdUrl}`,
      `--listen-peer-urls=${at.etcdPeerUrl}`,
      `--initial-advertise-peer-urls=${at.etcdPeerUrl}`,
      `--initial-cluster=default=${at.etcdPeerUrl}`,
      // Nothing here must outlive a power cut.
      '--unsafe-no-fsync',
    ],
    directory: at.directory,
  };
}

export function apiServer(binaries: Binaries, at: ClusterLayout): ServerProcessOptions {
  return {
    name: 'kube-apiserver',
    binary: requireBinary(binaries, 'kube-apiserver', CLUSTER_BUILD),
    args: [
      `--etcd-servers=${at.etcdUrl}`,
      '--bind-address=127.0.0.1',
      '--advertise-address=127.0.0.1',
      `--secure-port=${at.apiPort}`,
      `--cert-dir=${at.certificates}`,
      `--token-auth-file=${at.tokenFile}`,
      '--authorization-mode=RBAC',
      '--service-cluster-ip-range=10.96.0.0/16',
      '--service-account-issuer=https://kubernetes.default.svc',
      `--service-account-key-file=${at.serviceAccountKey}`,
      `--service-account-signing-key-file=${at.serviceAccountKey}`,
      // No kubelet mounts a token, so a pod needs no account before it may be made.
      '--disable-admission-plugins=ServiceAccount',
      // A loopback address is none that the service `kubernetes` could have.
      '--endpoint-reconciler-type=none',
      // The nodes' names resolve nowhere.
      '--kubelet-preferred-address-types=InternalIP',
      // Streamed lists need a newer etcd than Debian's: kwok's watches broke, and pods were ready seconds late.
      '--feature-gates=WatchList=false',
    ],
    directory: at.directory,
  };
}

export function controllerManager(binaries: Binaries, at: ClusterLayout): ServerProcessOptions {
  return {
    name: 'kube-controller-manager',
    binary: requireBinary(binaries, 'kube-controller-manager', CLUSTER_BUILD),
    args: [
      `--kubeconfig=${at.kubeconfig}`,
      `--service-account-private-key-file=${at.serviceAccountKey}`,
      '--leader-elect=false',
      '--secure-port=0',
    ],
    directory: at.directory,
  };
}

export function scheduler(binaries: Binaries, at: ClusterLayout): ServerProcessOptions {
  return {
    name: 'kube-scheduler',
    binary: requireBinary(binaries, 'kube-scheduler', CLUSTER_BUILD),
    args: [`--kubeconfig=${at.kubeconfig}`, '--leader-elect=false', '--secure-port=0'],
    directory: at.directory,
  };
}

/** Plays the kubelets by the stages in its file, without a container. */
export function kwok(binaries: Binaries, at: ClusterLayout): ServerProcessOptions {
  return {
    name: 'kwok',
    binary: requireBinary(binaries, 'kwok', CLUSTER_BUILD),
    args: [
      `--kubeconfig=${at.kubeconfig}`,
      `--config=${at.stages}`,
      '--manage-all-nodes=true',
      // A node without a lease that is renewed is taken for lost after 50 s.
      '--node-lease-duration-seconds=40',
    ],
    directory: at.directory,
  };
}
