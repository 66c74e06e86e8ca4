import { canonicalHash } from '@carapulse/kernel';
import { factsOfKind, kindOf, objectTarget } from '../../kubernetes/kubernetes-kinds.ts';
import type { ObjectRef } from '../../kubernetes/kubernetes-kinds.ts';
import { documentsOf, holdsSecrets, maskedText } from './manifest-documents.ts';
import type { ManifestDocument, ManifestObject } from './manifest-documents.ts';
import type { ReleaseRevision } from './release-record.ts';
import { unifiedDiff } from './unified-diff.ts';

/** Kinds of Kubernetes without a namespace, in any version, beside those that begin with `Cluster`. */
const CLUSTER_WIDE = new Set([
  'APIService',
  'CSIDriver',
  'CSINode',
  'CertificateSigningRequest',
  'CustomResourceDefinition',
  'DeviceClass',
  'DeviceTaintRule',
  'FlowSchema',
  'GatewayClass',
  'IPAddress',
  'IngressClass',
  'MutatingAdmissionPolicy',
  'MutatingAdmissionPolicyBinding',
  'MutatingWebhookConfiguration',
  'Namespace',
  'Node',
  'PersistentVolume',
  'PriorityClass',
  'PriorityLevelConfiguration',
  'ResourceSlice',
  'RuntimeClass',
  'ServiceCIDR',
  'StorageClass',
  'StorageVersionMigration',
  'ValidatingAdmissionPolicy',
  'ValidatingAdmissionPolicyBinding',
  'ValidatingWebhookConfiguration',
  'VolumeAttachment',
  'VolumeAttributesClass',
]);
/** Stands for the cluster where there is no namespace. */
export const NO_NAMESPACE = '_';

export type Content = Pick<ReleaseRevision, 'manifest' | 'hooks'>;

/** Of all that a revision brings to the cluster. */
export function contentDigest({ manifest, hooks }: Content): `sha256:${string}` {
  const parts = hooks.map((hook) => ({ ...hook, events: hook.events.toSorted() }));
  const place = ({ path, name }: (typeof parts)[number]): string => `${path} ${name}`;
  return canonicalHash({ manifest, hooks: parts.toSorted((a, b) => (place(a) < place(b) ? -1 : 1)) });
}

/** Namespace in which an object lies, or `_`. */
export function namespaceOf(object: ManifestObject, releaseNamespace: string): string {
  const known = kindOf(object.apiVersion, object.kind);
  const cluster =
    known === null
      ? CLUSTER_WIDE.has(object.kind) || object.kind.startsWith('Cluster')
      : !factsOfKind(known).namespaced;
  return cluster ? NO_NAMESPACE : object.namespace || releaseNamespace;
}

export interface ObjectDifference {
  readonly change: 'added' | 'changed' | 'removed';
  /** Null: a document of which it isn't certain what it is. */
  readonly object: ManifestObject | null;
  readonly namespace: string;
  readonly diff: string;
}

/** What differs, object by object, with the values of Secrets hidden. */
export function compareManifests(
  before: string,
  after: string,
  { namespace, labels }: { readonly namespace: string; readonly labels: { from: string; to: string } },
): readonly ObjectDifference[] {
  const [old, now] = [keyed(documentsOf(before), namespace), keyed(documentsOf(after), namespace)];
  return [...new Set([...old.keys(), ...now.keys()])].toSorted().flatMap((key): ObjectDifference[] => {
    const [mine, theirs] = [old.get(key), now.get(key)];
    if (mine?.text === theirs?.text) return [];
    const object = (theirs ?? mine)?.object ?? null;
    let change: ObjectDifference['change'] = 'changed';
    if (mine === undefined) change = 'added';
    if (theirs === undefined) change = 'removed';
    // A mark on both sides would hide that something differs, so only the new side says it.
    const from = mine === undefined ? '' : maskedText(mine);
    const to = theirs === undefined ? '' : maskedText(theirs, mine);
    const diff = unifiedDiff(from, to, { from: `${key} ${labels.from}`, to: `${key} ${labels.to}` });
    return [
      { change, object, namespace: object === null ? namespace : namespaceOf(object, namespace), diff },
    ];
  });
}

/** `changed apps/v1 Deployment shop/web`: how plans write a change. */
export function changeText({ change, object, namespace }: ObjectDifference): string {
  return `${change} ${object === null ? 'a document of no known form' : nameOf(object, namespace)}`;
}

/** The object of a change that leases know by name; null for kinds that they don't. */
export function refOfChange(text: string): ObjectRef | null {
  const found = /^(?:added|changed|removed) (\S+) (\S+) ([^\s/]+)\/(\S+)$/.exec(text);
  if (found === null) return null;
  const [, apiVersion = '', kindText = '', namespace = '', name = ''] = found;
  const kind = kindOf(apiVersion, kindText);
  return kind === null ? null : { kind, namespace: namespace === NO_NAMESPACE ? null : namespace, name };
}

export function targetOfChange(cluster: string, text: string): string | null {
  const ref = refOfChange(text);
  return ref === null ? null : objectTarget(cluster, ref);
}

/** The manifest for people: what holds secrets is masked. */
export function shownManifest(manifest: string): string {
  return documentsOf(manifest)
    .map((document) => `---\n${maskedText(document)}\n`)
    .join('');
}

/** The text in which images and the like are looked for; Secrets say nothing of them. `without` leaves a kind out. */
export function openText({ manifest, hooks }: Content, without?: string): string {
  const open = [manifest, ...hooks.map((hook) => hook.manifest)].flatMap(documentsOf);
  return open
    .filter((document) => !holdsSecrets(document) && document.object?.kind !== without)
    .map(({ text }) => text)
    .join('\n');
}

function nameOf({ apiVersion, kind, name }: ManifestObject, namespace: string): string {
  return `${apiVersion} ${kind} ${namespace}/${name}`;
}

/** Two of the same name are told apart by their order, and so are those without a name. */
function keyed(
  documents: readonly ManifestDocument[],
  releaseNamespace: string,
): ReadonlyMap<string, ManifestDocument> {
  const result = new Map<string, ManifestDocument>();
  for (const document of documents) {
    const { object } = document;
    const name =
      object === null ? 'a document of no known form' : nameOf(object, namespaceOf(object, releaseNamespace));
    let key = name;
    for (let count = 2; result.has(key); count += 1) key = `${name} (${count})`;
    result.set(key, document);
  }
  return result;
}
