import { orNull } from '../../kubernetes/kubernetes-api.ts';
import { objectPath } from '../../kubernetes/kubernetes-kinds.ts';
import { trackerOf } from '../kubectl/field-owner.ts';
import type { FieldOwner } from '../kubectl/field-owner.ts';
import { AnyObject } from '../kubectl/object-shapes.ts';
import { namespaceOf, NO_NAMESPACE } from './compare-manifests.ts';
import type { HelmCallContext } from './helm-action.ts';
import { documentsOf } from './manifest-documents.ts';
import { kindOf } from '../../kubernetes/kubernetes-kinds.ts';
import type { StoredRevision } from './release-store.ts';

/** So many objects of a release are asked whose they are; a deployer marks all of them. */
const MAX_OBJECTS = 40;

const FLUX: FieldOwner = {
  owner: 'Flux',
  by: 'field manager helm-controller of its record',
  instead: 'change its HelmRelease in the Git repository that Flux reconciles',
};

/** Argo CD or Flux, where one of them keeps the release or objects of it. */
export async function ownerOfRelease(
  { api }: HelmCallContext,
  namespace: string,
  current: StoredRevision,
  manifest: string,
): Promise<FieldOwner | null> {
  if (current.managers.includes('helm-controller')) return FLUX;
  const refs = documentsOf(manifest).flatMap(({ object }) => {
    const kind = object === null ? null : kindOf(object.apiVersion, object.kind);
    if (object === null || kind === null) return [];
    const place = namespaceOf(object, namespace);
    return [{ kind, namespace: place === NO_NAMESPACE ? null : place, name: object.name }];
  });
  for (const ref of refs.slice(0, MAX_OBJECTS)) {
    const found = await orNull(api.get(objectPath(ref)));
    const owner = found === null ? null : trackerOf(AnyObject.parse(found).metadata);
    if (owner !== null) return owner;
  }
  return null;
}
