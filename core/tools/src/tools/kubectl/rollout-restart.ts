import { z } from 'zod';
import { stale } from '../../before-effect.ts';
import { objectTarget } from '../../kubernetes/kubernetes-kinds.ts';
import type { ObjectRef } from '../../kubernetes/kubernetes-kinds.ts';
import { clusterWrite, identified } from './cluster-action.ts';
import { assertNotOwned, ownerOf } from './field-owner.ts';
import { observeMarked, readIdentified, writeMarked } from './marked-write.ts';
import type { Workload } from './object-shapes.ts';
import { WorkloadKind } from './rollout-status.ts';

/** The annotation that `kubectl rollout restart` writes too. */
const RESTARTED = 'kubectl.kubernetes.io/restartedAt';

const Input = z.strictObject({
  ...identified,
  kind: WorkloadKind,
  /** Written into the template: a literal, so that the same input is the same restart. */
  restarted_at: z.iso.datetime(),
});
type Input = z.infer<typeof Input>;

const Output = z.strictObject({
  cluster: z.string(),
  namespace: z.string(),
  kind: WorkloadKind,
  name: z.string(),
  uid: z.string(),
  restarted_at: z.string(),
  /** What `rollout_status` must have observed. */
  generation: z.int(),
});

/** Replaces all pods of a workload by its own rules. There is no undo: it changes nothing but the pods. */
export const rolloutRestart = clusterWrite<Input, z.infer<typeof Output>>({
  name: 'rollout_restart',
  description: 'Restarts all pods of a workload, by its update strategy',
  repeat: 'observable',
  input: Input,
  output: Output,
  effects: ({ cluster, namespace, kind, name }) => [
    { kind: 'restart', target: objectTarget(cluster, { kind, namespace, name }), namespace },
  ],
  run: async (input, call) => {
    const what = `${input.kind} ${input.namespace}/${input.name}`;
    const written = await writeMarked(call, {
      object: refOf(input),
      uid: input.uid,
      patch: ({ metadata, spec }) => {
        if (spec.paused) throw stale('paused', `The rollout of ${what} is paused, so nothing would restart.`);
        const path = ['f:spec', 'f:template', 'f:metadata', 'f:annotations', `f:${RESTARTED}`] as const;
        // What Git says nothing about is not put back, so an object that is tracked may be restarted.
        assertNotOwned(what, RESTARTED, ownerOf(metadata, path, { whole: false }));
        const annotations = { [RESTARTED]: input.restarted_at };
        return { type: 'merge', spec: { template: { metadata: { annotations } } } };
      },
    });
    return { ...input, generation: written.metadata.generation };
  },
  observe: (input, call) =>
    observeMarked(call, refOf(input), input.uid, (workload) => restartedAt(workload) !== input.restarted_at),
  readBack: async (input, call) => {
    const { metadata } = await readIdentified(call, refOf(input), input.uid);
    return { ...input, generation: metadata.generation };
  },
  commands: ({ namespace, kind, name }) => [
    [`--namespace=${namespace}`, 'rollout', 'restart', `${kind}/${name}`],
  ],
});

function restartedAt({ spec }: Workload): string | undefined {
  return spec.template.metadata.annotations[RESTARTED];
}

function refOf({ kind, namespace, name }: Input): ObjectRef {
  return { kind, namespace, name };
}
