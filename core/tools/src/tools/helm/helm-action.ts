import type { Effect } from '@carapulse/policy';
import { apiOverHttp } from '../../kubernetes/api-over-http.ts';
import {
  assertAllNamespaces,
  assertNamespaceListed,
  findCluster,
} from '../../kubernetes/cluster-settings.ts';
import type { Cluster } from '../../kubernetes/cluster-settings.ts';
import type { KubernetesApi } from '../../kubernetes/kubernetes-api.ts';
import type { TransportKind } from '../../tool-definition.ts';
import type { HelmRuntime } from './chart-source.ts';
import { NO_NAMESPACE, targetOfChange } from './compare-manifests.ts';
import type { UpgradeInput } from './helm-input.ts';
import { releaseTarget } from './helm-names.ts';
import { releasesOverHelm } from './releases-over-helm.ts';
import { releasesOverApi } from './release-store.ts';
import type { Releases } from './release-store.ts';

/** What an action has to work with. */
export interface HelmCallContext {
  readonly runtime: HelmRuntime;
  readonly cluster: Cluster;
  /** With the standing token, which only reads. */
  readonly api: KubernetesApi;
  /** By the transport that was chosen. */
  readonly releases: Releases;
  /** By the Secrets, in one read: what checks before a write go by. */
  readonly records: Releases;
}

interface Located {
  readonly cluster: string;
  readonly namespace: string;
}

/** @throws AppError `not_found` (cluster), `forbidden` (namespace). */
export function open(runtime: HelmRuntime, input: Located, by: TransportKind): HelmCallContext {
  const cluster = findCluster({ clusters: runtime.settings.clusters }, 'helm', input.cluster);
  assertNamespaceListed(cluster, input.namespace);
  const api = apiOverHttp(runtime, cluster, cluster.token);
  const records = releasesOverApi(api);
  const releases =
    by === 'cli'
      ? releasesOverHelm(runtime, cluster, cluster.token, (namespace, release) =>
          records.stored(namespace, release),
        )
      : records;
  return { runtime, cluster, api, releases, records };
}

type Reach = Pick<
  UpgradeInput,
  'cluster' | 'namespace' | 'release' | 'namespaces' | 'changes' | 'images' | 'replicas' | 'secret_objects'
>;

/** A release may reach into other namespaces, or into the cluster itself. @throws AppError `forbidden`. */
export function assertReachListed(cluster: Cluster, { release, namespaces }: Reach): void {
  for (const namespace of namespaces) {
    if (namespace === NO_NAMESPACE) assertAllNamespaces(cluster, `An object of release ${release}`);
    else assertNamespaceListed(cluster, namespace);
  }
}

/** The release, the objects that leases know by name, and the replicas it may come to. */
export function effectsOf(input: Reach): Effect[] {
  const { cluster, namespace, replicas, changes } = input;
  const target = releaseTarget(input);
  const objects = changes.flatMap((change) => targetOfChange(cluster, change) ?? []);
  return [
    {
      kind: 'release',
      target,
      namespaces: [...input.namespaces],
      objects: changes.length,
      secret_objects: input.secret_objects,
      images: [...input.images],
    },
    ...[...new Set(objects)].map((object): Effect => ({
      kind: 'apply',
      target: object,
      namespace: object.split(/[:/]/)[2] ?? namespace,
      images: [],
    })),
    ...(replicas === null ? [] : [{ kind: 'scale' as const, target, namespace, replicas }]),
  ];
}
