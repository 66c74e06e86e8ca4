import { AppError } from '@carapulse/kernel';
import { z } from 'zod';
import { FIELD_MANAGER } from '../../kubernetes/kubernetes-api.ts';
import type { Metadata } from './object-shapes.ts';

/** Somebody who would set the field back, or whose change we would undo. */
export interface FieldOwner {
  readonly owner: 'Argo CD' | 'Flux' | 'Helm' | 'HorizontalPodAutoscaler';
  /** By what it was recognised. */
  readonly by: string;
  readonly instead: string;
}

const INSTEAD = {
  'Argo CD': 'change it in the Git repository that the application is synced from',
  Flux: 'change it in the Git repository that Flux reconciles',
  Helm: "change it in the chart's values and upgrade the release",
  HorizontalPodAutoscaler: "change the autoscaler's minReplicas and maxReplicas",
} as const;

const TRACKED: ReadonlyArray<readonly [name: string, owner: 'Argo CD' | 'Flux']> = [
  ['argocd.argoproj.io/tracking-id', 'Argo CD'],
  ['argocd.argoproj.io/instance', 'Argo CD'],
  ['kustomize.toolkit.fluxcd.io/name', 'Flux'],
  ['helm.toolkit.fluxcd.io/name', 'Flux'],
];

/** A field as `fieldsV1` names it: `['f:spec', 'f:replicas']`. */
export type FieldPath = readonly [string, ...string[]];

/** Managers that have the field or something below it, ours left out. */
export function managersOf(metadata: Metadata, path: FieldPath): readonly string[] {
  return metadata.managedFields
    .filter(({ fieldsV1 }) => has(fieldsV1, path))
    .map(({ manager, subresource }) => (subresource === '' ? manager : `${manager}/${subresource}`))
    .filter((manager) => manager !== FIELD_MANAGER);
}

/**
 * Who owns the field, of those that reconcile it (`metadata.managedFields`; whoever wrote last is no owner by that).
 * `whole`: an object that Argo CD or Flux tracks is theirs as a whole, since they put every field back that Git has.
 */
export function ownerOf(metadata: Metadata, path: FieldPath, { whole = true } = {}): FieldOwner | null {
  for (const manager of managersOf(metadata, path)) {
    const owner = reconciler(manager);
    if (owner !== null) return { owner, by: `field manager ${manager}`, instead: INSTEAD[owner] };
  }
  return whole ? trackerOf(metadata) : null;
}

/** Who keeps the object as a whole, by its marks. */
export function trackerOf(metadata: Metadata): FieldOwner | null {
  const marks = { ...metadata.labels, ...metadata.annotations };
  const found = TRACKED.find(([name]) => Object.hasOwn(marks, name));
  if (found === undefined) return null;
  const [name, owner] = found;
  return { owner, by: `${name}=${marks[name]}`, instead: INSTEAD[owner] };
}

/** The autoscaler as the owner of replicas; the object says so, since its field manager outlives it. */
export function autoscalerOwns(name: string): FieldOwner {
  const owner = 'HorizontalPodAutoscaler';
  return { owner, by: `horizontalpodautoscaler/${name}`, instead: INSTEAD[owner] };
}

/** @throws AppError `forbidden` (`field_owned`) naming the owner and what to do instead. */
export function assertNotOwned(what: string, field: string, owner: FieldOwner | null): void {
  if (owner === null) return;
  throw new AppError('forbidden', ownedMessage(what, field, owner), {
    details: {
      class: 'permanent',
      effect: 'none',
      reason: 'field_owned',
      owner: owner.owner,
      owned_by: owner.by,
    },
  });
}

export function ownedMessage(what: string, field: string, owner: FieldOwner): string {
  return `${field} of ${what} belongs to ${owner.owner} (${owner.by}), which would set it back; ${owner.instead}.`;
}

function reconciler(manager: string): FieldOwner['owner'] | null {
  if (/^argocd(-|$)/.test(manager)) return 'Argo CD';
  if (manager === 'kustomize-controller' || manager === 'helm-controller') return 'Flux';
  return manager === 'helm' ? 'Helm' : null;
}

function has(fields: unknown, path: FieldPath): boolean {
  let at: unknown = fields;
  for (const part of path) {
    const parsed = z.record(z.string(), z.unknown()).safeParse(at);
    if (!parsed.success || !Object.hasOwn(parsed.data, part)) return false;
    at = parsed.data[part];
  }
  return true;
}
