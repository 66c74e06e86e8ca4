import { canonicalHash, JsonObject } from '@carapulse/kernel';
import type { JsonValue } from '@carapulse/kernel';
import { z } from 'zod';
import { kindOf } from '../../kubernetes/kubernetes-kinds.ts';
import type { KindName, ObjectRef } from '../../kubernetes/kubernetes-kinds.ts';
import { DnsLabel, ObjectName } from '../../kubernetes/kubernetes-names.ts';
import { MARK } from './marked-write.ts';
import { LAST_APPLIED } from './object-view.ts';

/** What may be applied. What guards a namespace (quotas, policies, accounts) is left to those who own it. */
const APPLICABLE: readonly KindName[] = [
  'configmap',
  'service',
  'deployment',
  'statefulset',
  'daemonset',
  'cronjob',
  'job',
  'horizontalpodautoscaler',
  'poddisruptionbudget',
  'ingress',
  'persistentvolumeclaim',
];
const MAX_BYTES = 200_000;

const Texts = z.record(z.string().max(317), z.string().max(100_000));

/** A manifest: one object in a namespace, with what people set and nothing that the cluster sets. */
export const Manifest = z
  .looseObject({
    apiVersion: z.string().max(100),
    kind: z.string().max(100),
    metadata: z.strictObject({
      name: ObjectName,
      namespace: DnsLabel,
      labels: Texts.optional(),
      annotations: Texts.optional(),
    }),
  })
  .refine(({ apiVersion, kind }) => applicable(apiVersion, kind) !== null, {
    error: `kind and apiVersion of one of: ${APPLICABLE.join(', ')}`,
  })
  .refine((manifest) => !Object.hasOwn(manifest, 'status'), 'no status')
  .refine((manifest) => JsonObject.safeParse(manifest).success, 'JSON')
  .refine((manifest) => JSON.stringify(manifest).length <= MAX_BYTES, `${MAX_BYTES} characters at most`);
export type Manifest = z.infer<typeof Manifest>;

export function refOf(manifest: Manifest): ObjectRef & { readonly namespace: string } {
  const kind = applicable(manifest.apiVersion, manifest.kind);
  if (kind === null) throw new TypeError('a manifest was parsed before');
  return { kind, namespace: manifest.metadata.namespace, name: manifest.metadata.name };
}

/** Every image that the manifest names, wherever in its spec. */
export function imagesIn(manifest: Manifest): readonly string[] {
  const found = new Set<string>();
  const walk = (value: unknown): void => {
    if (Array.isArray(value)) value.forEach(walk);
    if (!isRecord(value)) return;
    for (const [name, member] of Object.entries(value)) {
      if (name === 'image' && typeof member === 'string') found.add(member);
      if (name === 'image' && isRecord(member) && typeof member['reference'] === 'string')
        found.add(member['reference']);
      walk(member);
    }
  };
  walk(manifest['spec']);
  return [...found].toSorted();
}

/** The most replicas that the manifest asks for; null when it says nothing about them. */
export function replicasIn(manifest: Manifest): number | null {
  const { spec } = manifest;
  const jobs = isRecord(spec) && isRecord(spec['jobTemplate']) ? spec['jobTemplate']['spec'] : undefined;
  const asked = [spec, jobs].flatMap((each) =>
    isRecord(each) ? [each['replicas'], each['maxReplicas'], each['parallelism']] : [],
  );
  const counts = asked.filter((count) => typeof count === 'number');
  return counts.length === 0 ? null : Math.max(0, ...counts.map(Math.ceil));
}

/** Annotations that others keep their own books in; they say nothing of what the object is. */
const BOOKKEEPING = [LAST_APPLIED, MARK, 'deployment.kubernetes.io/revision'];

/** An object without what the cluster alone sets: what a diff is about. */
export function essenceOf(object: unknown): JsonObject {
  const { status: _, metadata, ...rest } = Raw.parse(object);
  const { name, namespace, labels } = metadata;
  const annotations = Object.fromEntries(
    Object.entries(metadata.annotations).filter(([key]) => !BOOKKEEPING.includes(key)),
  );
  return JsonObject.parse({ ...rest, metadata: { name, namespace, labels, annotations } });
}

/** Of one very object, as it is. */
export function liveDigest(object: unknown): `sha256:${string}` {
  return canonicalHash({ uid: Raw.parse(object).metadata.uid, ...essenceOf(object) });
}

/** Of what an object says, whichever it is. */
export function resultDigest(object: unknown): `sha256:${string}` {
  return canonicalHash(essenceOf(object));
}

/**
 * The manifest that takes an object back to what it is now, once `manifest` has been applied: today's values of what
 * the manifest says. What it adds is left out, and so removed again, since it is ours then. Null where there is none.
 */
export function undoOf(manifest: Manifest, live: unknown): Manifest | null {
  const parsed = Manifest.safeParse(projected(manifest as JsonObject, essenceOf(live)));
  return parsed.success ? parsed.data : null;
}

function projected(wanted: JsonObject, there: JsonObject): JsonObject {
  const kept = Object.entries(wanted).flatMap(([name, value]): Array<[string, JsonValue]> => {
    if (!Object.hasOwn(there, name)) return [];
    const own = there[name] as JsonValue;
    return [[name, isRecord(value) && isRecord(own) ? projected(value, own) : own]];
  });
  return Object.fromEntries(kept);
}

export interface Change {
  /** JSON pointer. */
  readonly path: string;
  /** Null: absent. */
  readonly before: JsonValue;
  readonly after: JsonValue;
}

/** Where two objects differ, at the deepest places; lists are compared whole unless they are as long as each other. */
export function changesBetween(before: JsonValue, after: JsonValue, path = ''): readonly Change[] {
  if (isRecord(before) && isRecord(after)) {
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].toSorted();
    return names.flatMap((name) =>
      changesBetween(member(before, name), member(after, name), `${path}/${escape(name)}`),
    );
  }
  if (Array.isArray(before) && Array.isArray(after) && before.length === after.length) {
    return before.flatMap((item: JsonValue, index) =>
      changesBetween(item, after[index] as JsonValue, `${path}/${index}`),
    );
  }
  return JSON.stringify(before) === JSON.stringify(after) ? [] : [{ path, before, after }];
}

/** What stands at a path of `changesBetween`; null where there is nothing. */
export function valueAt(value: JsonValue, path: string): JsonValue {
  const names = path.split('/').slice(1);
  return names.reduce<JsonValue>((at, name) => {
    if (Array.isArray(at)) return (at[Number(name)] as JsonValue | undefined) ?? null;
    return isRecord(at) ? member(at, name.replaceAll('~1', '/').replaceAll('~0', '~')) : null;
  }, value);
}

const Raw = z.looseObject({
  metadata: z.object({
    name: z.string(),
    namespace: z.string().default(''),
    uid: z.string().default(''),
    labels: z.record(z.string(), z.string()).default({}),
    annotations: z.record(z.string(), z.string()).default({}),
  }),
});

function applicable(apiVersion: string, kind: string): KindName | null {
  const found = kindOf(apiVersion, kind);
  return found !== null && APPLICABLE.includes(found) ? found : null;
}

function member(value: Readonly<Record<string, unknown>>, name: string): JsonValue {
  return Object.hasOwn(value, name) ? (value[name] as JsonValue) : null;
}

function escape(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}

function isRecord<T>(value: T): value is T & JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
