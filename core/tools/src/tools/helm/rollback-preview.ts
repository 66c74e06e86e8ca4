import { z } from 'zod';
import { shellLine } from '../../shell-quote.ts';
import { defineAction } from '../../tool-definition.ts';
import { ownedMessage } from '../kubectl/field-owner.ts';
import type { HelmRuntime } from './chart-source.ts';
import { contentDigest } from './compare-manifests.ts';
import { open } from './helm-action.ts';
import { RollbackInput } from './helm-input.ts';
import { releasePlace, releaseTarget, Revision } from './helm-names.ts';
import type { HelmSettings } from './helm-settings.ts';
import { changeBetween, irreversible, shownDiff, WorkloadRef, workloadsOf } from './release-change.ts';
import { makerOf } from './release-mark.ts';
import { ownerOfRelease } from './release-owner.ts';
import { ReleaseStatus } from './release-record.ts';
import { isPending } from './release-store.ts';
import type { StoredRevision } from './release-store.ts';

const Input = z.strictObject({
  ...releasePlace,
  /** Left out: the latest one before the present that was deployed. */
  to_revision: Revision.optional(),
});
type Input = z.infer<typeof Input>;

const base = {
  cluster: z.string(),
  namespace: z.string(),
  release: z.string(),
  revision: z.int().nullable(),
  status: ReleaseStatus.nullable(),
};
const REFUSALS = ['not_found', 'no_target', 'field_owned', 'no_change'] as const;

const Output = z.discriminatedUnion('kind', [
  z.strictObject({
    ...base,
    kind: z.literal('possible'),
    to_revision: z.int(),
    to_chart: z.string(),
    /** True: `repair_pending` or the rollback of the run that left it; `left_by` says whose it is. */
    pending: z.boolean(),
    left_by: z.string().nullable(),
    /** What going back leaves behind (hooks, definitions); null when nothing is known of. */
    not_undone: z.string().nullable(),
    diff: z.string(),
    diff_truncated: z.boolean(),
    changes: z.array(z.string()),
    workloads: z.array(WorkloadRef),
    /** Input of `rollback`; with `execution` that of `repair_pending`. */
    forward: RollbackInput,
  }),
  z.strictObject({ ...base, kind: z.literal('refused'), reason: z.enum(REFUSALS), detail: z.string() }),
]);
type Output = z.infer<typeof Output>;

/** What going back to a recorded revision would change; the records alone tell it. */
export const rollbackPreview = defineAction<HelmSettings, Input, Output>({
  name: 'rollback_preview',
  description:
    'What rolling a release back to a recorded revision would change, with the input of the rollback',
  kind: 'read',
  repeat: 'convergent',
  revision: 1,
  input: Input,
  output: Output,
  effects: (input) => [{ kind: 'read', target: releaseTarget(input) }],
  transports: [{ kind: 'http', run: preview }],
  commands: ({ cluster, namespace, release }) => [
    shellLine(['helm', `--kube-context=${cluster}`, `--namespace=${namespace}`, 'history', release]),
  ],
  timeoutMs: 120_000,
  maxOutputBytes: 16_000_000,
});

async function preview(input: Input, runtime: HelmRuntime): Promise<Output> {
  const call = open(runtime, input, 'http');
  const { cluster, namespace, release } = input;
  const what = `Release ${namespace}/${release}`;
  const revisions = await call.records.stored(namespace, release);
  const stored = revisions.at(-1);
  const current = stored === undefined ? null : await stored.record();
  const common = {
    cluster,
    namespace,
    release,
    revision: stored?.revision ?? null,
    status: current?.status ?? null,
  };
  const refused = (reason: (typeof REFUSALS)[number], detail: string): Output => ({
    ...common,
    kind: 'refused',
    reason,
    detail,
  });
  if (stored === undefined || current === null) return refused('not_found', `${what} is not there.`);
  const target = targetOf(revisions, stored, input.to_revision);
  if (target === undefined) {
    const kept = revisions.map(({ revision, status }) => `${revision} (${status})`).join(', ');
    return refused('no_target', `${what} keeps no such earlier revision; it keeps: ${kept}.`);
  }
  const owner = await ownerOfRelease(call, namespace, stored, current.manifest);
  if (owner !== null) return refused('field_owned', ownedMessage(what, 'The content', owner));
  const content = await target.record();
  const pending = isPending(current.status);
  const { differences, facts } = changeBetween(current, content, {
    namespace,
    labels: { from: `(revision ${stored.revision})`, to: `(revision ${target.revision})` },
  });
  // After a failure or in the middle of a write the cluster may have something else than the record.
  if (differences.length === 0 && current.status === 'deployed')
    return refused('no_change', `Revisions ${target.revision} and ${stored.revision} of ${what} are alike.`);
  return {
    ...common,
    kind: 'possible',
    to_revision: target.revision,
    to_chart: content.chart,
    pending,
    left_by: pending ? makerOf(stored) : null,
    not_undone: irreversible([current, content], []),
    ...shownDiff(differences),
    changes: [...facts.changes],
    workloads: workloadsOf(content, namespace),
    forward: {
      cluster,
      namespace,
      release,
      from_revision: stored.revision,
      from_manifest: contentDigest(current),
      to_revision: target.revision,
      expected_manifest: contentDigest(content),
      ...facts,
    },
  };
}

function targetOf(
  revisions: readonly StoredRevision[],
  current: StoredRevision,
  wanted: number | undefined,
): StoredRevision | undefined {
  const earlier = revisions.filter(({ revision }) => revision < current.revision);
  if (wanted !== undefined) return earlier.find(({ revision }) => revision === wanted);
  return earlier.findLast(({ status }) => status === 'deployed' || status === 'superseded');
}
