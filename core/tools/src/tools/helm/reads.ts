import { AppError, JsonObject } from '@carapulse/kernel';
import { z } from 'zod';
import { ClusterName, DnsLabel } from '../../kubernetes/kubernetes-names.ts';
import { shellLine } from '../../shell-quote.ts';
import { defineAction } from '../../tool-definition.ts';
import type { AnyAction, Transport, TransportKind } from '../../tool-definition.ts';
import { contentDigest, shownManifest } from './compare-manifests.ts';
import { open } from './helm-action.ts';
import type { HelmCallContext } from './helm-action.ts';
import { releasePlace, releaseTarget, Revision } from './helm-names.ts';
import type { HelmSettings } from './helm-settings.ts';
import { hookNames, WorkloadRef, workloadsOf } from './release-change.ts';
import type { ReleaseRevision } from './release-record.ts';
import { RevisionView } from './release-record.ts';
import { viewOf } from './release-store.ts';

interface ReadParts<Input, Output> {
  readonly name: string;
  readonly description: string;
  readonly input: z.ZodType<Input>;
  readonly output: z.ZodType<Output>;
  readonly target: (input: Input) => string;
  readonly run: (input: Input, call: HelmCallContext) => Promise<Output>;
  readonly command: (input: Input) => readonly string[];
}

/** A read by helm where it is installed, and by its records where it is not. */
export function releaseRead<Input extends { readonly cluster: string; readonly namespace: string }, Output>(
  parts: ReadParts<Input, Output>,
): AnyAction<HelmSettings> {
  const transport = (by: TransportKind): Transport<HelmSettings, Input> => ({
    kind: by,
    ...(by === 'cli' ? { program: 'helm' } : {}),
    run: async (input, runtime) => parts.run(input, open(runtime, input, by)),
  });
  return defineAction<HelmSettings, Input, Output>({
    name: parts.name,
    description: parts.description,
    kind: 'read',
    repeat: 'convergent',
    revision: 1,
    input: parts.input,
    output: parts.output,
    effects: (input) => [{ kind: 'read', target: parts.target(input) }],
    transports: [transport('cli'), transport('http')],
    commands: (input) => [
      shellLine([
        'helm',
        `--kube-context=${input.cluster}`,
        `--namespace=${input.namespace}`,
        ...parts.command(input),
      ]),
    ],
    timeoutMs: 60_000,
    maxOutputBytes: 16_000_000,
  });
}

const OneRelease = z.strictObject(releasePlace);
/** `revision` left out: the latest. */
const OneRevision = z.strictObject({ ...releasePlace, revision: Revision.optional() });
type OneRevision = z.infer<typeof OneRevision>;
const where = { cluster: z.string(), namespace: z.string(), release: z.string() };
const InNamespace = z.strictObject({ cluster: ClusterName, namespace: DnsLabel });

const Listing = z.strictObject({
  cluster: z.string(),
  namespace: z.string(),
  empty: z.boolean(),
  releases: z.array(RevisionView.extend({ release: z.string() })),
});

export const list = releaseRead<z.infer<typeof InNamespace>, z.infer<typeof Listing>>({
  name: 'list',
  description: 'Releases of a namespace at their latest revision, whatever their status',
  input: InNamespace,
  output: Listing,
  target: ({ cluster, namespace }) => `helm:${cluster}/${namespace}`,
  run: async ({ cluster, namespace }, { releases }) => {
    const found = await releases.list(namespace);
    return { cluster, namespace, empty: found.length === 0, releases: [...found] };
  },
  command: () => ['list', '--all'],
});

const Status = RevisionView.extend({
  ...where,
  /** Those of the record that Helm doesn't set itself. */
  labels: z.record(z.string(), z.string()),
  manifest_digest: z.string(),
  hooks: z.array(z.string()),
  workloads: z.array(WorkloadRef),
});

export const status = releaseRead<OneRevision, z.infer<typeof Status>>({
  name: 'status',
  description:
    'Status of a release: revision, chart, when and by what it was made, and what has a rollout to follow',
  input: OneRevision,
  output: Status,
  target: releaseTarget,
  run: async (input, call) => {
    const found = await readRevision(input, call);
    const stored = await call.records.stored(input.namespace, input.release);
    return {
      ...placeOf(input),
      ...viewOf(found),
      labels: { ...stored.find(({ revision }) => revision === found.revision)?.labels },
      manifest_digest: contentDigest(found),
      hooks: hookNames(found),
      workloads: workloadsOf(found, input.namespace),
    };
  },
  command: ({ release, revision }) => ['status', ...at(revision), release],
});

const History = z.strictObject({ ...where, empty: z.boolean(), revisions: z.array(RevisionView) });

export const history = releaseRead<z.infer<typeof OneRelease>, z.infer<typeof History>>({
  name: 'history',
  description: 'Revisions that are kept of a release, oldest first',
  input: OneRelease,
  output: History,
  target: releaseTarget,
  run: async (input, { releases }) => {
    const found = await releases.history(input.namespace, input.release);
    return { ...placeOf(input), empty: found.length === 0, revisions: [...found] };
  },
  command: ({ release }) => ['history', release],
});

const Values = z.strictObject({ ...where, revision: z.int(), values: JsonObject });

export const getValues = releaseRead<OneRevision, z.infer<typeof Values>>({
  name: 'get_values',
  description: "Values that were set for a release, without the chart's own",
  input: OneRevision,
  output: Values,
  target: releaseTarget,
  run: async (input, call) => {
    const { revision, values } = await readRevision(input, call);
    return { ...placeOf(input), revision, values };
  },
  command: ({ release, revision }) => ['get', 'values', ...at(revision), release],
});

const ManifestOutput = z.strictObject({
  ...where,
  revision: z.int(),
  manifest_digest: z.string(),
  /** With the values of Secrets masked. */
  manifest: z.string(),
});

export const getManifest = releaseRead<OneRevision, z.infer<typeof ManifestOutput>>({
  name: 'get_manifest',
  description: 'Manifest of a release as it was rendered, without the values of Secrets',
  input: OneRevision,
  output: ManifestOutput,
  target: releaseTarget,
  run: async (input, call) => {
    const found = await readRevision(input, call);
    return {
      ...placeOf(input),
      revision: found.revision,
      manifest_digest: contentDigest(found),
      manifest: shownManifest(found.manifest),
    };
  },
  command: ({ release, revision }) => ['get', 'manifest', ...at(revision), release],
});

async function readRevision(input: OneRevision, { releases }: HelmCallContext): Promise<ReleaseRevision> {
  const { namespace, release, revision } = input;
  const found = await releases.revision(namespace, release, revision);
  if (found !== null) return found;
  const what = revision === undefined ? `release ${release}` : `revision ${revision} of release ${release}`;
  throw new AppError('not_found', `There is no ${what} in namespace ${namespace}.`, {
    details: { class: 'permanent', effect: 'none', reason: 'release_unknown' },
  });
}

function placeOf({ cluster, namespace, release }: z.infer<typeof OneRelease>): z.infer<typeof OneRelease> {
  return { cluster, namespace, release };
}

function at(revision: number | undefined): readonly string[] {
  return revision === undefined ? [] : [`--revision=${revision}`];
}
