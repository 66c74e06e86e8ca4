import { sha256Hex } from '@carapulse/kernel';
import { isPending } from './release-store.ts';
import type { StoredRevision } from './release-store.ts';

/*
 * Who made a revision. Helm writes the labels of an upgrade with the revision itself, so they are there from its first
 * moment, also when helm is killed; the description is written at the end. An upgrade inherits the labels of the
 * revision before it, and a rollback those of its target: the lowest revision after the one that a step started from
 * is the step's own, the others have the label from it.
 */
export const UPGRADE_LABEL = 'carapulse/step';
/** Set on the target before a rollback, which has no way to set one. */
export const ROLLBACK_LABEL = 'carapulse/rollback';

export type MarkLabel = typeof UPGRADE_LABEL | typeof ROLLBACK_LABEL;

/** Value of the label: the run, then the step within it. Keys are `<execution>/<step>/<direction>`. */
export function markOf(key: string): string {
  return `${runMark(key.split('/')[0] ?? '')}.${sha256Hex(key).slice(0, 32)}`;
}

export function runMark(execution: string): string {
  return sha256Hex(execution).slice(0, 24);
}

export type Progress =
  | { readonly kind: 'made'; readonly revision: StoredRevision }
  | { readonly kind: 'not_made' }
  /** Older revisions were pruned, or the release was made anew. */
  | { readonly kind: 'unknown' };

/** What became of a write that started from a revision; `revisions` are sorted. */
export function progressOf(
  revisions: readonly StoredRevision[],
  { label, mark, from }: { readonly label: MarkLabel; readonly mark: string; readonly from: number },
): Progress {
  const made = revisions.find(({ revision, labels }) => revision > from && labels[label] === mark);
  if (made !== undefined) return { kind: 'made', revision: made };
  const isNext = revisions.some(({ revision }) => revision === from + 1);
  return isNext || revisions.at(-1)?.revision === from ? { kind: 'not_made' } : { kind: 'unknown' };
}

/** The execution's revisions are told from those that inherited its label. */
export function isOfRun(
  revisions: readonly StoredRevision[],
  wanted: StoredRevision,
  execution: string,
): boolean {
  const run = `${runMark(execution)}.`;
  return ([UPGRADE_LABEL, ROLLBACK_LABEL] as const).some((label) => {
    const mark = wanted.labels[label];
    if (mark === undefined || !mark.startsWith(run)) return false;
    const carriers = revisions.filter(({ labels }) => labels[label] === mark);
    // The target of a rollback carries the rollback's label too, as the lowest; what it made is the next one.
    const own = label === UPGRADE_LABEL ? carriers[0] : carriers[1];
    return own?.revision === wanted.revision;
  });
}

/** For a message: whose a revision is, as far as that can be seen. */
export function makerOf({ labels, managers }: StoredRevision): string {
  const mark = labels[ROLLBACK_LABEL] ?? labels[UPGRADE_LABEL];
  const by = `field manager ${managers.join(', ') || 'unknown'}`;
  return mark === undefined
    ? `nobody of Carapulse (${by})`
    : `another run of Carapulse (mark ${mark}, ${by})`;
}

/** True once helm has ended with the revision, well or not. */
export function isSettled({ status }: StoredRevision): boolean {
  return !isPending(status) && status !== 'unknown';
}
