import { beforeEffect, stale } from '../../before-effect.ts';
import { refusedWith } from '../../kubernetes/kubernetes-api.ts';
import type { PatchOptions } from '../../kubernetes/kubernetes-api.ts';
import type { ObjectRef } from '../../kubernetes/kubernetes-kinds.ts';
import type { Observation } from '../../tool-definition.ts';

import type { ClusterCall } from './cluster-action.ts';
import { Workload } from './object-shapes.ts';
import { readObject } from './read-objects.ts';

/** Annotation that says which step wrote last; written together with what the step changes. */
export const MARK = 'carapulse/last-write';

/** Writes of others may come in between so often before a write gives up. */
const ATTEMPTS = 5;

export interface MarkedWrite {
  readonly object: ObjectRef;
  readonly uid: string;
  /** The patch for the object as it is now. @throws AppError when it isn't as planned; nothing was written then. */
  readonly patch: (workload: Workload) => Patch | Promise<Patch>;
}

export interface Patch {
  readonly type: PatchOptions['type'];
  /** `spec` alone; the rest is the mark and the precondition. */
  readonly spec: object;
}

/**
 * Reads, checks and patches one object as if at once: the patch holds only for the version that was checked, and is
 * made anew when somebody wrote in between. It leaves our mark in the same write.
 */
export async function writeMarked(call: ClusterCall, write: MarkedWrite): Promise<Workload> {
  for (let attempt = 1; ; attempt += 1) {
    const { found, patch } = await beforeEffect('The cluster', async () => {
      const workload = await readIdentified(call, write.object, write.uid);
      const done = workload.metadata.annotations[MARK] === call.key;
      return { found: workload, patch: done ? null : await write.patch(workload) };
    });
    if (patch === null) return found;
    const { resourceVersion } = found.metadata;
    const body = { metadata: { resourceVersion, annotations: { [MARK]: call.key } }, spec: patch.spec };
    try {
      return Workload.parse(await call.api.patch(write.object, body, { type: patch.type }));
    } catch (error) {
      if (refusedWith(error) !== 409 || attempt === ATTEMPTS) throw error;
    }
  }
}

/** @throws AppError `plan_stale` when there is no such object, or another one under its name. */
export async function readIdentified(call: ClusterCall, object: ObjectRef, uid: string): Promise<Workload> {
  let found: Workload;
  try {
    found = await readObject(call.api, object, Workload);
  } catch (error) {
    if (refusedWith(error) !== 404) throw error;
    throw stale(
      'object_missing',
      `There is no ${object.kind} ${object.name} in ${object.namespace ?? 'the cluster'}.`,
    );
  }
  if (found.metadata.uid === uid) return found;
  throw stale(
    'object_replaced',
    `${object.kind} ${object.name} has uid ${found.metadata.uid}, not ${uid}: it was made anew.`,
  );
}

/**
 * Whether the write has happened: our mark says so for certain. Without it, it has not if the object is still as it
 * was before; what is neither is unknown, since a later write may have taken the mark.
 */
export async function observeMarked(
  call: ClusterCall,
  object: ObjectRef,
  uid: string,
  asBefore: (workload: Workload) => boolean,
): Promise<Observation> {
  let found: Workload;
  try {
    found = await readObject(call.api, object, Workload);
  } catch (error) {
    if (refusedWith(error) === 404) return 'unknown';
    throw error;
  }
  if (found.metadata.uid !== uid) return 'unknown';
  if (found.metadata.annotations[MARK] === call.key) return 'done';
  return asBefore(found) ? 'not_done' : 'unknown';
}
