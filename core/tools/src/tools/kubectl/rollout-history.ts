import { canonicalHash } from '@carapulse/kernel';
import { z } from 'zod';
import type { KubernetesApi } from '../../kubernetes/kubernetes-api.ts';
import { objectTarget } from '../../kubernetes/kubernetes-kinds.ts';
import { ObjectName } from '../../kubernetes/kubernetes-names.ts';
import { clusterRead, place } from './cluster-action.ts';
import { Metadata, PodTemplate, Workload } from './object-shapes.ts';
import { readAll, readObject } from './read-objects.ts';

const REVISION = 'deployment.kubernetes.io/revision';
const CHANGE_CAUSE = 'kubernetes.io/change-cause';
/** The controller's own label, which is no part of what was asked for. */
const HASH_LABEL = 'pod-template-hash';

const RawTemplate = z.looseObject({
  metadata: z.looseObject({ labels: z.record(z.string(), z.string()).default({}) }).prefault({}),
});
const RawReplicaSet = z.object({
  metadata: Metadata,
  spec: z.object({ replicas: z.int().default(0), template: RawTemplate }),
});

const Revision = z.strictObject({
  revision: z.int(),
  replica_set: z.string(),
  created_at: z.string().nullable(),
  change_cause: z.string().nullable(),
  images: z.array(z.string()),
  replicas: z.int(),
  current: z.boolean(),
  /** Of the pod template; `rollout_undo` takes back to exactly this. */
  template_digest: z.string(),
});

const Input = z.strictObject({ ...place, kind: z.literal('deployment'), name: ObjectName });
const Output = z.strictObject({
  cluster: z.string(),
  namespace: z.string(),
  kind: z.literal('deployment'),
  name: z.string(),
  uid: z.string(),
  current_revision: z.int(),
  /** The latest first. */
  revisions: z.array(Revision),
});

/** The revisions that a Deployment can be taken back to. */
export const rolloutHistory = clusterRead<z.infer<typeof Input>, z.infer<typeof Output>>({
  name: 'rollout_history',
  description: 'The revisions of a Deployment with their images and the digests of their templates',
  input: Input,
  output: Output,
  effects: ({ cluster, namespace, kind, name }) => [
    { kind: 'read', target: objectTarget(cluster, { kind, namespace, name }) },
  ],
  run: async ({ cluster, namespace, kind, name }, { api }) => {
    const { metadata } = await readObject(api, { kind, namespace, name }, Workload);
    const current = revisionOf(metadata);
    const revisions = await revisionsOf(api, metadata, namespace);
    return {
      cluster,
      namespace,
      kind,
      name,
      uid: metadata.uid,
      current_revision: current,
      revisions: revisions.map(({ template, set, ...revision }) => ({
        ...revision,
        replica_set: set.metadata.name,
        created_at: set.metadata.creationTimestamp ?? null,
        change_cause: set.metadata.annotations[CHANGE_CAUSE] ?? null,
        images: [...imagesOf(template)],
        replicas: set.spec.replicas,
        current: revision.revision === current,
        template_digest: digestOf(template),
      })),
    };
  },
  commands: ({ namespace, kind, name }) => [
    [`--namespace=${namespace}`, 'rollout', 'history', `${kind}/${name}`],
  ],
});

type Template = z.infer<typeof RawTemplate>;

export interface RevisionFound {
  readonly revision: number;
  /** As it was asked for, without the controller's label. */
  readonly template: Template;
  readonly set: z.infer<typeof RawReplicaSet>;
}

/** Revision of a Deployment or ReplicaSet; 0 before the controller gave one. */
export function revisionOf({ annotations }: Pick<Metadata, 'annotations'>): number {
  const text = annotations[REVISION] ?? '';
  return /^\d{1,9}$/.test(text) ? Number(text) : 0;
}

/** The revisions there are, the latest first. */
export async function revisionsOf(
  api: KubernetesApi,
  deployment: Metadata,
  namespace: string,
): Promise<readonly RevisionFound[]> {
  const sets = await readAll(api, { kind: 'replicaset', namespace }, RawReplicaSet);
  return sets
    .filter(({ metadata }) =>
      metadata.ownerReferences.some(({ uid, controller }) => controller && uid === deployment.uid),
    )
    .map((set) => ({ revision: revisionOf(set.metadata), template: asAsked(set.spec.template), set }))
    .toSorted((a, b) => b.revision - a.revision);
}

export function digestOf(template: Template): `sha256:${string}` {
  return canonicalHash(template);
}

export function imagesOf(template: Template): readonly string[] {
  const { spec } = PodTemplate.parse(template);
  return [...spec.initContainers, ...spec.containers].map(({ image }) => image);
}

function asAsked(template: Template): Template {
  const labels = Object.fromEntries(
    Object.entries(template.metadata.labels).filter(([name]) => name !== HASH_LABEL),
  );
  return { ...template, metadata: { ...template.metadata, labels } };
}

/** The template of a Deployment as the API has it, whole. */
export function templateOf(raw: unknown): Template {
  return asAsked(z.object({ spec: z.object({ template: RawTemplate }) }).parse(raw).spec.template);
}
