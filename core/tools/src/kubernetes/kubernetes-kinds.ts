import { z } from 'zod';

interface KindFacts {
  /** Kind as objects say it. */
  readonly kind: string;
  /** `v1` or `<group>/<version>`. */
  readonly apiVersion: string;
  readonly plural: string;
  readonly namespaced: boolean;
}

const core = (kind: string, plural: string, namespaced = true): KindFacts => ({
  kind,
  apiVersion: 'v1',
  plural,
  namespaced,
});
const grouped = (group: string, kind: string, plural: string, namespaced = true): KindFacts => ({
  kind,
  apiVersion: group,
  plural,
  namespaced,
});

/** The kinds there are. Secrets are left out on purpose: no action reads, shows or writes one. */
const KINDS = {
  configmap: core('ConfigMap', 'configmaps'),
  endpoints: core('Endpoints', 'endpoints'),
  limitrange: core('LimitRange', 'limitranges'),
  namespace: core('Namespace', 'namespaces', false),
  node: core('Node', 'nodes', false),
  persistentvolume: core('PersistentVolume', 'persistentvolumes', false),
  persistentvolumeclaim: core('PersistentVolumeClaim', 'persistentvolumeclaims'),
  pod: core('Pod', 'pods'),
  resourcequota: core('ResourceQuota', 'resourcequotas'),
  service: core('Service', 'services'),
  serviceaccount: core('ServiceAccount', 'serviceaccounts'),
  daemonset: grouped('apps/v1', 'DaemonSet', 'daemonsets'),
  deployment: grouped('apps/v1', 'Deployment', 'deployments'),
  replicaset: grouped('apps/v1', 'ReplicaSet', 'replicasets'),
  statefulset: grouped('apps/v1', 'StatefulSet', 'statefulsets'),
  cronjob: grouped('batch/v1', 'CronJob', 'cronjobs'),
  job: grouped('batch/v1', 'Job', 'jobs'),
  horizontalpodautoscaler: grouped('autoscaling/v2', 'HorizontalPodAutoscaler', 'horizontalpodautoscalers'),
  poddisruptionbudget: grouped('policy/v1', 'PodDisruptionBudget', 'poddisruptionbudgets'),
  ingress: grouped('networking.k8s.io/v1', 'Ingress', 'ingresses'),
  networkpolicy: grouped('networking.k8s.io/v1', 'NetworkPolicy', 'networkpolicies'),
  storageclass: grouped('storage.k8s.io/v1', 'StorageClass', 'storageclasses', false),
} as const satisfies Readonly<Record<string, KindFacts>>;

export type KindName = keyof typeof KINDS;
const NAMES = Object.keys(KINDS) as [KindName, ...KindName[]];

/** Name of a kind, lower case and singular; a closed set. */
export const KindName = z.enum(NAMES);

/** One object or, without a name, all of a kind. `namespace` is null exactly where the kind has none. */
export interface ObjectRef {
  readonly kind: KindName;
  readonly namespace: string | null;
  readonly name: string;
}

export function factsOfKind(kind: KindName): KindFacts {
  return KINDS[kind];
}

/** The kind that an object of the API says it is; null when it is none of ours. */
export function kindOf(apiVersion: string, kind: string): KindName | null {
  return NAMES.find((name) => KINDS[name].kind === kind && KINDS[name].apiVersion === apiVersion) ?? null;
}

/** Path of a list: of one namespace, or of all where `namespace` is null. */
export function listPath(kind: KindName, namespace: string | null): string {
  const { apiVersion, plural, namespaced } = KINDS[kind];
  const base = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  return namespaced && namespace !== null ? `${base}/namespaces/${namespace}/${plural}` : `${base}/${plural}`;
}

/** Path of one object, or of a subresource of it. Names were validated; they need no escaping. */
export function objectPath({ kind, namespace, name }: ObjectRef, subresource?: string): string {
  return [listPath(kind, namespace), name, ...(subresource === undefined ? [] : [subresource])].join('/');
}

/** `deployments.v1.apps`, as kubectl takes a type without guessing. */
export function kubectlType(kind: KindName): string {
  const { apiVersion, plural } = KINDS[kind];
  const [group, version] = apiVersion.split('/');
  return version === undefined ? plural : `${plural}.${version}.${group}`;
}

/** The canonical URI that leases and allow-lists compare; `_` stands where there is no namespace. */
export function objectTarget(cluster: string, { kind, namespace, name }: ObjectRef): string {
  return `kubernetes:${cluster}/${namespace ?? '_'}/${kind}/${name}`;
}
