import { canonicalJson } from '@carapulse/kernel';
import { beforeEffect, stale } from '../../before-effect.ts';
import { mintWriteToken } from '../../kubernetes/write-access.ts';
import { shellLine } from '../../shell-quote.ts';
import { defineAction } from '../../tool-definition.ts';
import { assertNotOwned } from '../kubectl/field-owner.ts';
import type { HelmRuntime } from './chart-source.ts';
import { contentDigest } from './compare-manifests.ts';
import { assertReachListed, effectsOf, open } from './helm-action.ts';
import type { HelmCallContext } from './helm-action.ts';
import { runHelm } from './helm-command.ts';
import { UpgradeInput } from './helm-input.ts';
import type { HelmSettings } from './helm-settings.ts';
import { changeBetween } from './release-change.ts';
import { markOf, UPGRADE_LABEL } from './release-mark.ts';
import { ownerOfRelease } from './release-owner.ts';
import {
  assertAt,
  assertNotPending,
  observeWrite,
  outputOfWrite,
  progressOfWrite,
  settleWrite,
  WriteOutput,
} from './release-write.ts';
import { gather, render, upgradeCall } from './render-release.ts';
import type { UpgradeMaterial } from './render-release.ts';

/**
 * Upgrades a release, if it is at the planned revision and comes out as planned. Our mark is in the new revision from
 * its first moment; nothing is waited for and nothing is rolled back by helm.
 */
export const upgrade = defineAction<HelmSettings, UpgradeInput, WriteOutput>({
  name: 'upgrade',
  description: 'Upgrades a release to a chart and values, as previewed',
  kind: 'write',
  repeat: 'observable',
  revision: 1,
  input: UpgradeInput,
  output: WriteOutput,
  effects: effectsOf,
  transports: [{ kind: 'cli', program: 'helm', run: upgradeAsPlanned }],
  observe: (input, runtime) => observeWrite(open(runtime, input, 'http'), input, UPGRADE_LABEL),
  readBack: (input, runtime) => outputOfWrite(open(runtime, input, 'http'), input, UPGRADE_LABEL),
  commands: ({ cluster, namespace, release, chart, keep_values: keeps }) => [
    shellLine([
      'helm',
      `--kube-context=${cluster}`,
      `--namespace=${namespace}`,
      'upgrade',
      keeps ? '--reset-then-reuse-values' : '--reset-values',
      `--version=${chart.version}`,
      release,
      chart.name,
    ]),
  ],
  timeoutMs: 600_000,
  maxOutputBytes: 16_000_000,
});

async function upgradeAsPlanned(input: UpgradeInput, runtime: HelmRuntime): Promise<WriteOutput> {
  const call = open(runtime, input, 'cli');
  const { cluster, records } = call;
  const key = runtime.idempotencyKey;
  const material = await beforeEffect('The cluster', async () => {
    const revisions = await records.stored(input.namespace, input.release);
    const progress = progressOfWrite(revisions, input, UPGRADE_LABEL, key);
    return progress.kind === 'made' ? null : await assertAsPlanned(call, input);
  });
  if (material === null) return await outputOfWrite(call, input, UPGRADE_LABEL);
  const token = await mintWriteToken(runtime, cluster);
  // Rendering took a while.
  await beforeEffect('The cluster', async () =>
    assertNotPending(input, assertAt(input, await records.stored(input.namespace, input.release))),
  );
  runtime.signal.throwIfAborted();
  const result = await runHelm(runtime, cluster, token, {
    ...upgradeCall(input, material, [
      `--labels=${UPGRADE_LABEL}=${markOf(key)}`,
      `--description=Carapulse ${key}`,
      `--history-max=${runtime.settings.history_max}`,
    ]),
    shown: true,
  });
  return await settleWrite(call, input, UPGRADE_LABEL, { verb: 'upgrade', result });
}

/** @throws AppError `plan_stale` or `forbidden` where the release, the chart or what comes of them is another. */
async function assertAsPlanned(call: HelmCallContext, input: UpgradeInput): Promise<UpgradeMaterial> {
  const { namespace, release } = input;
  const what = `Release ${namespace}/${release}`;
  assertReachListed(call.cluster, input);
  const stored = assertAt(input, await call.records.stored(namespace, release));
  assertNotPending(input, stored);
  const current = await stored.record();
  if (contentDigest(current) !== input.from_manifest) {
    throw stale(
      'content_differs',
      `${what} at revision ${stored.revision} is not made of what it was when planned.`,
    );
  }
  assertNotOwned(what, 'The content', await ownerOfRelease(call, namespace, stored, current.manifest));
  const material = await gather(call, input);
  if (material.chart.digest !== input.chart.digest) {
    throw stale(
      'chart_differs',
      `Chart ${input.chart.name} ${input.chart.version} has digest ${material.chart.digest}, not ${input.chart.digest}.`,
    );
  }
  const rendered = await render(call, input, material);
  if (rendered.valuesDigest !== input.values_digest) {
    throw stale('values_differ', `${what} would have other values than was planned.`);
  }
  if (contentDigest(rendered) !== input.expected_manifest) {
    throw stale('manifest_differs', `${what} would be made of something else than was planned.`);
  }
  const { facts } = changeBetween(current, rendered, { namespace, labels: { from: '', to: '' } });
  const { changes, namespaces, images, replicas, secret_objects } = input;
  if (canonicalJson(facts) !== canonicalJson({ changes, namespaces, images, replicas, secret_objects })) {
    throw stale('changes_differ', `Upgrading ${what} changes other objects than was planned.`);
  }
  return material;
}
