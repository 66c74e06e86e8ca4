import { AppError } from '@carapulse/kernel';
import { z } from 'zod';
import { shellLine } from '../../shell-quote.ts';
import { defineAction } from '../../tool-definition.ts';
import { ownedMessage } from '../kubectl/field-owner.ts';
import type { HelmRuntime } from './chart-source.ts';
import { contentDigest } from './compare-manifests.ts';
import { open } from './helm-action.ts';
import { RollbackInput, UpgradeInput, WantedRelease } from './helm-input.ts';
import { releaseTarget } from './helm-names.ts';
import type { HelmSettings } from './helm-settings.ts';
import {
  changeBetween,
  hookNames,
  irreversible,
  rolloutMs,
  shownDiff,
  WorkloadRef,
  workloadsOf,
} from './release-change.ts';
import { ownerOfRelease } from './release-owner.ts';
import { makerOf } from './release-mark.ts';
import { ReleaseStatus } from './release-record.ts';
import { isPending } from './release-store.ts';
import { crdsOf, gather, render } from './render-release.ts';
import type { Rendered } from './render-release.ts';

const base = {
  cluster: z.string(),
  namespace: z.string(),
  release: z.string(),
  /** Of the present revision; null when there is no such release. */
  revision: z.int().nullable(),
  status: ReleaseStatus.nullable(),
  chart: z.string().nullable(),
};
const REFUSALS = [
  'not_found',
  'pending',
  'not_deployed',
  'field_owned',
  'render_failed',
  /** The same chart with the same values gives another manifest each time. */
  'not_reproducible',
  'unreadable',
  'no_change',
] as const;

const planned = {
  ...base,
  new_revision: z.int(),
  new_chart: z.string(),
  new_app_version: z.string(),
  /** One unified diff an object, the values of Secrets masked. */
  diff: z.string(),
  diff_truncated: z.boolean(),
  changes: z.array(z.string()),
  hooks: z.array(z.string()),
  crds: z.array(z.string()),
  /** Whose rollouts tell whether the upgrade works, and how long they may take by their own deadlines. */
  workloads: z.array(WorkloadRef),
  verify_within_ms: z.int(),
  /** The same for the way back. */
  old_workloads: z.array(WorkloadRef),
  undo_within_ms: z.int(),
  /** Input of `upgrade`. */
  forward: UpgradeInput,
};

export const UpgradePreview = z.discriminatedUnion('kind', [
  z.strictObject({
    ...planned,
    kind: z.literal('upgradable'),
    detail: z.string(),
    rollback: z.strictObject({ kind: z.literal('possible'), to_revision: z.int() }),
    /** Input of `rollback`. */
    undo: RollbackInput,
  }),
  /** It can be upgraded, and not go back: `detail` says why. */
  z.strictObject({
    ...planned,
    kind: z.literal('irreversible'),
    detail: z.string(),
    rollback: z.strictObject({ kind: z.literal('impossible'), reason: z.string() }),
  }),
  z.strictObject({ ...base, kind: z.literal('refused'), reason: z.enum(REFUSALS), detail: z.string() }),
]);
export type UpgradePreview = z.infer<typeof UpgradePreview>;

/** What an upgrade would change, by a dry run that asks the cluster, with the inputs of it and of its undo. */
export const upgradePreview = defineAction<HelmSettings, WantedRelease, UpgradePreview>({
  name: 'upgrade_preview',
  description: 'What upgrading a release would change, with the inputs of the upgrade and of its undo',
  kind: 'read',
  repeat: 'convergent',
  revision: 1,
  input: WantedRelease,
  output: UpgradePreview,
  effects: (input) => [{ kind: 'read', target: releaseTarget(input) }],
  transports: [{ kind: 'cli', program: 'helm', run: preview }],
  commands: ({ cluster, namespace, release, chart }) => {
    const helm = ['helm', `--kube-context=${cluster}`, `--namespace=${namespace}`];
    return [
      shellLine([...helm, 'get', 'manifest', release]),
      shellLine([...helm, 'upgrade', '--dry-run=server', `--version=${chart.version}`, release, chart.name]),
    ];
  },
  timeoutMs: 300_000,
  maxOutputBytes: 16_000_000,
});

async function preview(input: WantedRelease, runtime: HelmRuntime): Promise<UpgradePreview> {
  const call = open(runtime, input, 'cli');
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
    chart: current?.chart ?? null,
  };
  const refused = (reason: (typeof REFUSALS)[number], detail: string): UpgradePreview => ({
    ...common,
    kind: 'refused',
    reason,
    detail,
  });
  if (stored === undefined || current === null)
    return refused('not_found', `${what} is not there; only what is installed is upgraded.`);
  if (isPending(current.status)) {
    return refused(
      'pending',
      `${what} is ${current.status} at revision ${stored.revision}, left by ${makerOf(stored)}. Wait until that ends, ` +
        `or see repair_pending.`,
    );
  }
  if (current.status !== 'deployed' && current.status !== 'failed')
    return refused('not_deployed', `${what} is ${current.status}.`);
  const owner = await ownerOfRelease(call, namespace, stored, current.manifest);
  if (owner !== null) return refused('field_owned', ownedMessage(what, 'The content', owner));
  const material = await gather(call, input);
  let rendered: Rendered;
  let again: Rendered;
  try {
    rendered = await render(call, input, material);
    again = await render(call, input, material);
  } catch (error) {
    if (!(error instanceof AppError) || error.details['reason'] !== 'render_failed') throw error;
    return refused('render_failed', error.message);
  }
  if (contentDigest(rendered) !== contentDigest(again)) {
    return refused(
      'not_reproducible',
      `Chart ${rendered.chart} renders otherwise each time (random values, times), so that what is approved would not be ` +
        `what is done. Set these values, or let the chart keep what the cluster has.`,
    );
  }
  if (contentDigest(rendered) === contentDigest(current))
    return refused('no_change', `${what} is already what it would become, at revision ${stored.revision}.`);
  const names = { from: `(revision ${stored.revision})`, to: '(planned)' };
  const forward = changeBetween(current, rendered, { namespace, labels: names });
  if (forward.differences.some(({ object }) => object === null)) {
    return refused(
      'unreadable',
      `What ${rendered.chart} changes holds a document that does not tell plainly what it is (a list, a flow mapping, ` +
        `an anchor), so that it can't be judged.`,
    );
  }
  const back = changeBetween(rendered, current, { namespace, labels: names });
  const crds = await crdsOf(call, namespace, material.chart);
  const impossible =
    current.status === 'failed'
      ? `Revision ${stored.revision} failed: what the cluster has now is no recorded revision.`
      : irreversible([current, rendered], crds);
  const digests = { from: contentDigest(current), to: contentDigest(rendered) };
  const shown = {
    ...common,
    new_revision: stored.revision + 1,
    new_chart: rendered.chart,
    new_app_version: rendered.appVersion,
    ...shownDiff(forward.differences),
    changes: forward.facts.changes,
    hooks: hookNames(rendered),
    crds: [...crds],
    workloads: workloadsOf(rendered, namespace),
    verify_within_ms: rolloutMs(rendered),
    old_workloads: workloadsOf(current, namespace),
    undo_within_ms: rolloutMs(current),
    forward: {
      ...input,
      chart: { ...input.chart, digest: material.chart.digest },
      from_revision: stored.revision,
      from_manifest: digests.from,
      expected_manifest: digests.to,
      values_digest: rendered.valuesDigest,
      ...forward.facts,
    },
  };
  if (impossible !== null) {
    return {
      ...shown,
      kind: 'irreversible',
      detail: impossible,
      rollback: { kind: 'impossible', reason: impossible },
    };
  }
  return {
    ...shown,
    kind: 'upgradable',
    detail: `A rollback goes to revision ${stored.revision}.`,
    rollback: { kind: 'possible', to_revision: stored.revision },
    undo: {
      cluster,
      namespace,
      release,
      from_revision: stored.revision + 1,
      from_manifest: digests.to,
      to_revision: stored.revision,
      expected_manifest: digests.from,
      ...back.facts,
    },
  };
}
