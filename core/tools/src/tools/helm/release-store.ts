import { AppError } from '@carapulse/kernel';
import { z } from 'zod';
import type { KubernetesApi } from '../../kubernetes/kubernetes-api.ts';
import { orNull } from '../../kubernetes/kubernetes-api.ts';
import { decodeRelease } from './release-record.ts';
import type { ReleaseRevision, RevisionView } from './release-record.ts';

const Secret = z.object({
  type: z.string().default(''),
  metadata: z.object({
    name: z.string(),
    labels: z.record(z.string(), z.string()).default({}),
    managedFields: z
      .array(z.object({ manager: z.string().default(''), time: z.string().optional() }))
      .default([]),
  }),
  data: z.record(z.string(), z.string()).default({}),
});
const Secrets = z.object({
  items: z
    .array(z.unknown())
    .nullish()
    .transform((items) => items ?? []),
});

/** Labels that Helm sets itself (`pkg/storage/driver/util.go`). */
const SYSTEM_LABELS = new Set(['name', 'owner', 'status', 'version', 'createdAt', 'modifiedAt']);
const RECORD_TYPE = 'helm.sh/release.v1';

/** A revision with what only its Secret says. */
export interface StoredRevision {
  readonly release: string;
  readonly revision: number;
  readonly status: string;
  /** Those that Helm doesn't set itself. */
  readonly labels: Readonly<Record<string, string>>;
  /** Who wrote the Secret. */
  readonly managers: readonly string[];
  /** Decodes the record. */
  readonly record: () => Promise<ReleaseRevision>;
}

/** Everything that a release is, one read each; both transports give the same. */
export interface Releases {
  list(namespace: string): Promise<ReadonlyArray<RevisionView & { readonly release: string }>>;
  /** Oldest first; empty when there is no such release. */
  history(namespace: string, release: string): Promise<readonly RevisionView[]>;
  /** The latest revision, or the one asked for; null when there is none. */
  revision(namespace: string, release: string, revision?: number): Promise<ReleaseRevision | null>;
  /** As the Secrets have them, oldest first. */
  stored(namespace: string, release: string): Promise<readonly StoredRevision[]>;
}

/** Releases by the Secrets in which Helm keeps them. */
export function releasesOverApi(api: KubernetesApi): Releases {
  const secrets = async (namespace: string, selector: string): Promise<readonly StoredRevision[]> => {
    const answer = Secrets.parse(await api.get(secretsPath(namespace), [['labelSelector', selector]]));
    return answer.items
      .flatMap((item) => storedOf(Secret.parse(item)))
      .toSorted((a, b) => a.revision - b.revision);
  };
  const stored = (namespace: string, release: string): Promise<readonly StoredRevision[]> =>
    secrets(namespace, `owner=helm,name=${release}`);
  return {
    stored,
    list: async (namespace) => {
      const latest = new Map((await secrets(namespace, 'owner=helm')).map((each) => [each.release, each]));
      const views = [...latest.values()].map(async ({ release, record }) => ({
        release,
        ...viewOf(await record()),
      }));
      return (await Promise.all(views)).toSorted((a, b) => (a.release < b.release ? -1 : 1));
    },
    history: async (namespace, release) => {
      const found = await stored(namespace, release);
      return await Promise.all(found.map(async ({ record }) => viewOf(await record())));
    },
    revision: async (namespace, release, revision) => {
      if (revision === undefined) return (await stored(namespace, release)).at(-1)?.record() ?? null;
      const path = `${secretsPath(namespace)}/${recordName(release, revision)}`;
      const found = await orNull(api.get(path));
      if (found === null) return null;
      const [record] = storedOf(Secret.parse(found));
      if (record === undefined) throw notARecord(namespace, release, revision);
      return await record.record();
    },
  };
}

export function secretsPath(namespace: string): string {
  return `/api/v1/namespaces/${namespace}/secrets`;
}

export function recordName(release: string, revision: number): string {
  return `sh.helm.release.v1.${release}.v${revision}`;
}

export function viewOf(revision: ReleaseRevision): RevisionView {
  const { manifest: _, hooks: __, values: ___, ...view } = revision;
  return view;
}

/** Whether Helm would take no other write now. */
export function isPending(status: string): boolean {
  return status.startsWith('pending-') || status === 'uninstalling';
}

function storedOf({ type, metadata, data }: z.infer<typeof Secret>): readonly StoredRevision[] {
  const { labels } = metadata;
  const { name = '', version = '', status = 'unknown' } = labels;
  const content = data['release'];
  // Anybody may label a Secret; the name and the type are what Helm itself goes by.
  if (type !== RECORD_TYPE || content === undefined) return [];
  if (!/^[1-9]\d{0,6}$/.test(version) || metadata.name !== recordName(name, Number(version))) return [];
  return [
    {
      release: name,
      revision: Number(version),
      status,
      labels: Object.fromEntries(Object.entries(labels).filter(([label]) => !SYSTEM_LABELS.has(label))),
      managers: [...new Set(metadata.managedFields.map(({ manager }) => manager))],
      record: () => decodeRelease(content),
    },
  ];
}

function notARecord(namespace: string, release: string, revision: number): AppError {
  return new AppError(
    'tool_failed',
    `Secret ${recordName(release, revision)} in ${namespace} is no record of Helm's.`,
    { details: { class: 'permanent', reason: 'record_unreadable' } },
  );
}
