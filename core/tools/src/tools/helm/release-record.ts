import { AppError, JsonObject, toTimestamp } from '@carapulse/kernel';
import { z } from 'zod';
import { gunzip } from './gunzip.ts';

/** What Helm keeps a release in: `pkg/release/release.go` and `pkg/storage/driver/secrets.go` of Helm 3. */
export const STATUSES = [
  'unknown',
  'deployed',
  'uninstalled',
  'superseded',
  'failed',
  'uninstalling',
  'pending-install',
  'pending-upgrade',
  'pending-rollback',
] as const;
export const ReleaseStatus = z.enum(STATUSES);
export type ReleaseStatus = z.infer<typeof ReleaseStatus>;

/** One revision, in short. */
export const RevisionView = z.strictObject({
  revision: z.int(),
  status: ReleaseStatus,
  /** Name and version, as Helm writes them: `shop-1.2.0`. */
  chart: z.string(),
  app_version: z.string(),
  updated: z.string(),
  description: z.string(),
});
export type RevisionView = z.infer<typeof RevisionView>;

export const Hook = z.object({
  name: z.string(),
  kind: z.string(),
  path: z.string().default(''),
  manifest: z.string().default(''),
  events: z.array(z.string()).default([]),
});
export type Hook = z.infer<typeof Hook>;

/** One revision, whole. */
export interface ReleaseRevision extends RevisionView {
  readonly manifest: string;
  readonly hooks: readonly Hook[];
  /** What was set, without the chart's own defaults. */
  readonly values: JsonObject;
}

const Info = z.object({
  last_deployed: z.string(),
  description: z.string().default(''),
  status: ReleaseStatus,
});

/** The parts that `helm status`, a dry run and the record of a release have alike. */
export const ReleaseJson = z.object({
  name: z.string(),
  namespace: z.string(),
  version: z.int(),
  info: Info,
  manifest: z.string().default(''),
  hooks: z
    .array(Hook)
    .nullish()
    .transform((hooks) => hooks ?? []),
  config: JsonObject.nullish().transform((config) => config ?? {}),
  chart: z
    .object({
      metadata: z.object({
        name: z.string(),
        version: z.string(),
        appVersion: z.string().default(''),
      }),
    })
    .optional(),
});
export type ReleaseJson = z.infer<typeof ReleaseJson>;

/** 1 MiB is what a Secret holds; what is packed in it is seldom more than ten times that. */
const MAX_RECORD_BYTES = 32 * 2 ** 20;

/** The record in a Secret's `data.release`: base64 of base64 of gzipped JSON. */
export async function decodeRelease(data: string): Promise<ReleaseRevision> {
  const packed = Buffer.from(Buffer.from(data, 'base64').toString('latin1'), 'base64');
  // Records of the first versions of Helm 3 were not packed.
  const text =
    packed[0] === 0x1f && packed[1] === 0x8b
      ? await gunzip(Uint8Array.from(packed), MAX_RECORD_BYTES)
      : packed.toString('utf8');
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw unreadable('holds no JSON', error);
  }
  const parsed = ReleaseJson.safeParse(json);
  if (!parsed.success) throw unreadable('has another shape than known', parsed.error);
  return revisionOf(parsed.data);
}

/** @throws AppError `tool_failed` when no chart is named. */
export function revisionOf(release: ReleaseJson): ReleaseRevision {
  const { chart } = release;
  if (chart === undefined) throw unreadable('names no chart');
  return {
    ...contentOf(release),
    revision: release.version,
    status: release.info.status,
    chart: `${chart.metadata.name}-${chart.metadata.version}`,
    app_version: chart.metadata.appVersion,
    updated: timestampOf(release.info.last_deployed),
    description: release.info.description,
  };
}

export function contentOf({
  manifest,
  hooks,
  config,
}: ReleaseJson): Pick<ReleaseRevision, 'manifest' | 'hooks' | 'values'> {
  return { manifest, hooks, values: config };
}

/** Times of Go to the millisecond, in UTC. */
export function timestampOf(time: string): string {
  return toTimestamp(Date.parse(time));
}

function unreadable(why: string, cause?: unknown): AppError {
  return new AppError('tool_failed', `The record of a Helm release ${why}.`, {
    ...(cause === undefined ? {} : { cause }),
    details: { class: 'permanent', reason: 'record_unreadable' },
  });
}
