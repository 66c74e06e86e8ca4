import { z } from 'zod';
import type { KindName } from '../../kubernetes/kubernetes-kinds.ts';
import { kindOf } from '../../kubernetes/kubernetes-kinds.ts';
import { changeText, compareManifests, namespaceOf, openText } from './compare-manifests.ts';
import type { Content, ObjectDifference } from './compare-manifests.ts';
import type { RollbackInput } from './helm-input.ts';
import { imagesOf, replicasOf } from './manifest-facts.ts';
import { documentsOf } from './manifest-documents.ts';

const MAX_DIFF = 200_000;
/** Events at which an upgrade or a rollback runs a hook. */
const EVENTS = new Set(['pre-upgrade', 'post-upgrade', 'pre-rollback', 'post-rollback']);

/** What policy judges a change of a release by. */
export type ChangeFacts = Pick<
  RollbackInput,
  'namespaces' | 'images' | 'replicas' | 'changes' | 'secret_objects'
>;

export const WorkloadRef = z.strictObject({
  kind: z.enum(['deployment', 'statefulset', 'daemonset']),
  namespace: z.string(),
  name: z.string(),
});
export type WorkloadRef = z.infer<typeof WorkloadRef>;

/** Reading a release's change from one content to another. */
export interface ReleaseChange {
  readonly differences: readonly ObjectDifference[];
  readonly facts: ChangeFacts;
}

/** What a change from one revision's content to another does, in the words of a plan. */
export function changeBetween(
  before: Content,
  after: Content,
  { namespace, labels }: { readonly namespace: string; readonly labels: { from: string; to: string } },
): ReleaseChange {
  const differences = compareManifests(wholeText(before), wholeText(after), { namespace, labels });
  const open = openText(after);
  // The texts of a ConfigMap may be of any language, in which what is no key here looks like one.
  const keyed = openText(after, 'ConfigMap');
  return {
    differences,
    facts: {
      namespaces: [...new Set([namespace, ...differences.map((each) => each.namespace)])].toSorted(),
      images: [...imagesOf(open, keyed)],
      replicas: replicasOf(open, keyed),
      changes: differences.map(changeText),
      secret_objects: differences.filter(({ object }) => object?.kind === 'Secret').length,
    },
  };
}

/** The diff for people, cut where it grows too long. */
export function shownDiff(differences: readonly ObjectDifference[]): {
  readonly diff: string;
  readonly diff_truncated: boolean;
} {
  const diff = differences.map((each) => `${each.diff}\n`).join('');
  return { diff: diff.slice(0, MAX_DIFF), diff_truncated: diff.length > MAX_DIFF };
}

/** Why there is no way back from what these bring; null when there is one. */
export function irreversible(contents: readonly Content[], crds: readonly string[]): string | null {
  const hooks = contents.flatMap((content) =>
    content.hooks.filter(({ events }) => events.some((event) => EVENTS.has(event))),
  );
  const [hook] = hooks;
  if (hook !== undefined) {
    return `Hook ${hook.kind} ${hook.name} runs at ${hook.events.join(', ')}; what it does is not undone by a rollback.`;
  }
  const [crd] = [...crds, ...contents.flatMap(definitionsIn)];
  if (crd === undefined) return null;
  return `The chart brings the custom resource definition ${crd}, whose objects a rollback may lose.`;
}

export function hookNames(content: Content): string[] {
  return content.hooks.map(({ kind, name, events }) => `${kind} ${name} (${events.join(', ')})`);
}

/** What a Deployment says nothing else of (`progressDeadlineSeconds`); other kinds have no deadline. */
const DEADLINE_S = 600;
/** For the controllers to notice. */
const GRACE_MS = 15_000;
const MAX_DEADLINE_S = 3600;

/** How long the slowest rollout may take before it counts as failed, in milliseconds. */
export function rolloutMs({ manifest }: Content): number {
  const deadlines = documentsOf(manifest).flatMap(({ object, text }) => {
    if (!['Deployment', 'StatefulSet', 'DaemonSet'].includes(object?.kind ?? '')) return [];
    const said = /^ +progressDeadlineSeconds:[ \t]*(\d{1,6})\b/m.exec(text)?.[1];
    return [said === undefined ? DEADLINE_S : Number(said)];
  });
  return Math.min(MAX_DEADLINE_S, Math.max(0, ...deadlines)) * 1000 + GRACE_MS;
}

/** What has a rollout to follow. */
export function workloadsOf({ manifest }: Content, namespace: string): WorkloadRef[] {
  return documentsOf(manifest).flatMap(({ object }) => {
    const kind: KindName | null = object === null ? null : kindOf(object.apiVersion, object.kind);
    const parsed = WorkloadRef.shape.kind.safeParse(kind);
    if (object === null || !parsed.success) return [];
    return [{ kind: parsed.data, namespace: namespaceOf(object, namespace), name: object.name }];
  });
}

/** Hooks are objects too. */
function wholeText({ manifest, hooks }: Content): string {
  return [manifest, ...hooks.map((hook) => hook.manifest)].join('\n---\n');
}

function definitionsIn({ manifest }: Content): readonly string[] {
  return documentsOf(manifest).flatMap(({ object }) =>
    object?.kind === 'CustomResourceDefinition' ? [object.name] : [],
  );
}
