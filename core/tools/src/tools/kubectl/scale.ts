import { z } from 'zod';
import { stale } from '../../before-effect.ts';
import type { KubernetesApi } from '../../kubernetes/kubernetes-api.ts';
import { factsOfKind, objectTarget } from '../../kubernetes/kubernetes-kinds.ts';
import type { ObjectRef } from '../../kubernetes/kubernetes-kinds.ts';
import { clusterWrite, identified } from './cluster-action.ts';
import type { ClusterCall } from './cluster-action.ts';
import { assertNotOwned, autoscalerOwns, ownerOf } from './field-owner.ts';
import type { FieldOwner } from './field-owner.ts';
import { observeMarked, readIdentified, writeMarked } from './marked-write.ts';
import { Autoscaler } from './object-view.ts';
import type { Workload } from './object-shapes.ts';
import { readAll } from './read-objects.ts';

export const ScalableKind = z.enum(['deployment', 'statefulset']);
export const Replicas = z.int().min(0).max(10_000);

/** A scaling as literals; it holds only for this very object while it has `from` replicas. */
export const ScaleInput = z
  .strictObject({ ...identified, kind: ScalableKind, from: Replicas, to: Replicas })
  .refine(({ from, to }) => from !== to, 'another number of replicas than there are');
export type ScaleInput = z.infer<typeof ScaleInput>;

const Output = z.strictObject({
  cluster: z.string(),
  namespace: z.string(),
  kind: ScalableKind,
  name: z.string(),
  uid: z.string(),
  from: z.int(),
  to: z.int(),
  /** What `rollout_status` must have observed. */
  generation: z.int(),
});
type Output = z.infer<typeof Output>;

/** Sets the number of replicas; its undo is the same action the other way round. */
export const scale = clusterWrite<ScaleInput, Output>({
  name: 'scale',
  description: 'Sets the number of replicas of a Deployment or StatefulSet',
  repeat: 'observable',
  input: ScaleInput,
  output: Output,
  effects: (input) => [
    { kind: 'scale', target: targetOf(input), namespace: input.namespace, replicas: input.to },
  ],
  run: async (input, call) => {
    const written = await writeMarked(call, {
      object: refOf(input),
      uid: input.uid,
      patch: async (workload) => {
        if (replicasOf(workload) !== input.from) {
          const now = replicasOf(workload);
          throw stale('replicas_differ', `${nameOf(input)} has ${now} replicas, not ${input.from}.`);
        }
        assertNotOwned(nameOf(input), 'spec.replicas', await replicasOwner(call.api, input, workload));
        return { type: 'merge', spec: { replicas: input.to } };
      },
    });
    return outputOf(input, written);
  },
  observe: (input, call) =>
    observeMarked(call, refOf(input), input.uid, (workload) => replicasOf(workload) === input.from),
  readBack: async (input, call: ClusterCall) =>
    outputOf(input, await readIdentified(call, refOf(input), input.uid)),
  commands: ({ namespace, kind, name, from, to }) => [
    [
      `--namespace=${namespace}`,
      'scale',
      `--current-replicas=${from}`,
      `--replicas=${to}`,
      `${kind}/${name}`,
    ],
  ],
});

export function replicasOf({ spec }: Workload): number {
  return spec.replicas ?? 1;
}

/** Who else sets the replicas: an autoscaler that targets the workload, or whoever owns the field. */
export async function replicasOwner(
  api: KubernetesApi,
  object: ObjectRef & { readonly namespace: string },
  workload: Workload,
): Promise<FieldOwner | null> {
  const autoscaler = await autoscalerOf(api, object);
  if (autoscaler !== null) return autoscalerOwns(autoscaler.metadata.name);
  return ownerOf(workload.metadata, ['f:spec', 'f:replicas']);
}

export async function autoscalerOf(
  api: KubernetesApi,
  { kind, namespace, name }: ObjectRef & { readonly namespace: string },
): Promise<z.infer<typeof Autoscaler> | null> {
  const found = await readAll(api, { kind: 'horizontalpodautoscaler', namespace }, Autoscaler);
  const wanted = factsOfKind(kind).kind;
  return found.find(({ spec: { scaleTargetRef: to } }) => to.kind === wanted && to.name === name) ?? null;
}

function outputOf(input: ScaleInput, { metadata }: Workload): Output {
  const { cluster, namespace, kind, name, uid, from, to } = input;
  return { cluster, namespace, kind, name, uid, from, to, generation: metadata.generation };
}

function refOf({ kind, namespace, name }: ScaleInput): ObjectRef & { readonly namespace: string } {
  return { kind, namespace, name };
}

function targetOf(input: ScaleInput): string {
  return objectTarget(input.cluster, refOf(input));
}

function nameOf({ kind, namespace, name }: ScaleInput): string {
  return `${kind} ${namespace}/${name}`;
}
