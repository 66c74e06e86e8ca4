import { z } from 'zod';
import { ClusterName, DnsLabel } from '../../kubernetes/kubernetes-names.ts';

/** Name of a release as Helm takes it; never a flag or a path. */
export const ReleaseName = z
  .string()
  .max(53)
  .regex(
    /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/,
    'lower-case letters, digits, dashes and dots',
  );

export const Revision = z.int().min(1).max(1_000_000);

export const Sha256 = z
  .string()
  .regex(/^sha256:[0-9a-f]{64}$/, 'sha256: and 64 lower-case hexadecimal digits');

/** One version and no range: what Semantic Versioning 2 calls a version. */
export const ChartVersion = z
  .string()
  .max(100)
  .regex(
    /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?$/,
    'one exact version such as 1.4.2',
  );

/** Name of a chart of the connector. */
export const ChartName = z.string().regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, 'a chart of connectors.helm.charts');

/** Where every action but `list` starts. */
export const releasePlace = { cluster: ClusterName, namespace: DnsLabel, release: ReleaseName };

/** The canonical URI that leases and allow-lists compare. */
export function releaseTarget({
  cluster,
  namespace,
  release,
}: {
  readonly cluster: string;
  readonly namespace: string;
  readonly release: string;
}): string {
  return `helm:${cluster}/${namespace}/${release}`;
}
