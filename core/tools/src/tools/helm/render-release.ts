import { AppError } from '@carapulse/kernel';
import type { JsonObject } from '@carapulse/kernel';
import { canonicalHash } from '@carapulse/kernel';
import type { SandboxFile } from '../../sandbox.ts';
import type { PackagedChart } from './chart-source.ts';
import { fetchChart } from './chart-source.ts';
import type { HelmCallContext } from './helm-action.ts';
import { helmFailure, runHelm } from './helm-command.ts';
import type { HelmCall } from './helm-command.ts';
import type { WantedRelease } from './helm-input.ts';
import { documentsOf } from './manifest-documents.ts';
import { ReleaseJson } from './release-record.ts';
import type { Hook } from './release-record.ts';
import { valuesFiles } from './values-source.ts';

/** All that an upgrade is made from, in the scratch directory. */
export interface UpgradeMaterial {
  readonly chart: PackagedChart;
  readonly values: readonly SandboxFile[];
}

/** What an upgrade would make of the release. */
export interface Rendered {
  readonly manifest: string;
  readonly hooks: readonly Hook[];
  readonly values: JsonObject;
  readonly valuesDigest: `sha256:${string}`;
  readonly chart: string;
  readonly appVersion: string;
}

export async function gather({ runtime }: HelmCallContext, wanted: WantedRelease): Promise<UpgradeMaterial> {
  return { chart: await fetchChart(runtime, wanted.chart), values: await valuesFiles(runtime, wanted) };
}

/** The arguments of an upgrade that a dry run and the real one have alike. */
export function upgradeCall(
  wanted: Pick<WantedRelease, 'namespace' | 'release' | 'keep_values'>,
  { chart, values }: UpgradeMaterial,
  more: readonly string[],
): HelmCall {
  return {
    namespace: wanted.namespace,
    args: [
      'upgrade',
      ...more,
      // Our own verification decides, and our own plan rolls back.
      '--wait=false',
      '--atomic=false',
      '--timeout=5m',
      wanted.keep_values ? '--reset-then-reuse-values' : '--reset-values',
      ...values.map(({ path }) => `--values=${path}`),
      '--',
      wanted.release,
      chart.path,
    ],
    files: values,
  };
}

/** A dry run that asks the cluster. @throws AppError `tool_failed` (`render_failed`), `effect: 'none'`. */
export async function render(
  { runtime, cluster }: HelmCallContext,
  wanted: WantedRelease,
  material: UpgradeMaterial,
): Promise<Rendered> {
  const call = upgradeCall(wanted, material, ['--dry-run=server', '--output=json']);
  const result = await runHelm(runtime, cluster, cluster.token, call);
  if (result.exitCode !== 0) {
    const failed = helmFailure(cluster.name, 'upgrade --dry-run', result);
    throw new AppError(failed.code, failed.message, {
      retryable: failed.retryable,
      details: {
        ...failed.details,
        effect: 'none',
        ...(failed.retryable || result.exitCode === null ? {} : { reason: 'render_failed' }),
      },
    });
  }
  const release = ReleaseJson.parse(JSON.parse(result.stdout));
  const { name = '', version = '', appVersion = '' } = release.chart?.metadata ?? {};
  return {
    manifest: release.manifest,
    hooks: release.hooks,
    values: release.config,
    valuesDigest: canonicalHash(release.config),
    chart: `${name}-${version}`,
    appVersion,
  };
}

/** Names of the custom resource definitions that the chart brings in `crds/`, which Helm never upgrades. */
export async function crdsOf(
  { runtime, cluster }: HelmCallContext,
  namespace: string,
  chart: PackagedChart,
): Promise<readonly string[]> {
  const result = await runHelm(runtime, cluster, cluster.token, {
    namespace,
    args: ['show', 'crds', '--', chart.path],
  });
  if (result.exitCode !== 0) throw helmFailure(cluster.name, 'show crds', result);
  return documentsOf(result.stdout).map(({ object }) => object?.name ?? 'a document of no known form');
}
