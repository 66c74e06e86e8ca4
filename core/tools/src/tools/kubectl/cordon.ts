import { z } from 'zod';
import { beforeEffect, stale } from '../../before-effect.ts';
import { assertAllNamespaces } from '../../kubernetes/cluster-settings.ts';
import { refusedWith } from '../../kubernetes/kubernetes-api.ts';
import { objectTarget } from '../../kubernetes/kubernetes-kinds.ts';
import type { ObjectRef } from '../../kubernetes/kubernetes-kinds.ts';
import { ClusterName, ObjectName, ObjectUid } from '../../kubernetes/kubernetes-names.ts';
import { clusterWrite } from './cluster-action.ts';
import type { ClusterCall } from './cluster-action.ts';
import { assertNotOwned, ownerOf } from './field-owner.ts';
import { Node } from './object-view.ts';
import { readObject } from './read-objects.ts';

/** One node, as it was when the plan was made. */
export const node = { cluster: ClusterName, node: ObjectName, uid: ObjectUid };
const Input = z.strictObject(node);
const Output = z.strictObject({
  cluster: z.string(),
  node: z.string(),
  uid: z.string(),
  unschedulable: z.boolean(),
  /** False: it was so already. */
  changed: z.boolean(),
});

/** Keeps new pods away from a node; its undo is `uncordon`. */
export const cordon = schedulingAction('cordon', 'Keeps new pods away from a node', true);
/** Lets new pods onto a node again; its undo is `cordon`. */
export const uncordon = schedulingAction('uncordon', 'Lets new pods onto a node again', false);

function schedulingAction(name: 'cordon' | 'uncordon', description: string, unschedulable: boolean) {
  return clusterWrite<z.infer<typeof Input>, z.infer<typeof Output>>({
    name,
    description,
    repeat: 'convergent',
    input: Input,
    output: Output,
    effects: (input) => [{ kind: 'cordon', target: objectTarget(input.cluster, nodeRef(input.node)) }],
    run: async (input, call) => ({
      ...input,
      unschedulable,
      changed: await setUnschedulable(call, input, unschedulable),
    }),
    commands: (input) => [[name, input.node]],
  });
}

/** @returns whether it had to be changed. */
export async function setUnschedulable(
  call: ClusterCall,
  input: { readonly node: string; readonly uid: string },
  unschedulable: boolean,
): Promise<boolean> {
  const there = await beforeEffect('The cluster', async () => {
    assertAllNamespaces(call.cluster, `Node ${input.node}`);
    const found = await readNode(call, input);
    if (found.spec.unschedulable !== unschedulable) {
      const owner = ownerOf(found.metadata, ['f:spec', 'f:unschedulable']);
      assertNotOwned(`node ${input.node}`, 'spec.unschedulable', owner);
    }
    return found.spec.unschedulable;
  });
  if (there === unschedulable) return false;
  // The kubelet writes its node all the time, so it is the uid that is a precondition, not the version.
  const body = { metadata: { uid: input.uid }, spec: { unschedulable: unschedulable ? true : null } };
  await call.api.patch(nodeRef(input.node), body, { type: 'merge' });
  return true;
}

/** @throws AppError `plan_stale` when there is no such node, or another one under its name. */
export async function readNode(
  call: ClusterCall,
  input: { readonly node: string; readonly uid: string },
): Promise<Node> {
  let found: Node;
  try {
    found = await readObject(call.api, nodeRef(input.node), Node);
  } catch (error) {
    if (refusedWith(error) !== 404) throw error;
    throw stale('object_missing', `There is no node ${input.node}.`);
  }
  if (found.metadata.uid === input.uid) return found;
  throw stale('object_replaced', `Node ${input.node} has uid ${found.metadata.uid}, not ${input.uid}.`);
}

export function nodeRef(name: string): ObjectRef {
  return { kind: 'node', namespace: null, name };
}
