import { z } from 'zod';
import { ClustersSettings } from '../../kubernetes/cluster-settings.ts';
import { Addresses, BaseUrl, Headers } from '../../http-connector.ts';
import { GitSettings, RepositoryName, RepositoryPath } from '../git/git-settings.ts';
import { ChartName } from './helm-names.ts';

const PublishedName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, "a chart's name as its repository has it");

const AbsolutePath = z
  .string()
  .max(1000)
  .refine((path) => path.startsWith('/') && !/[\0\r\n]/.test(path), 'an absolute path')
  .refine(
    (path) => path.split('/').every((part) => part !== '..' && part !== '.'),
    'a path without . and ..',
  );

const Https = BaseUrl.refine((url) => url.startsWith('https:'), 'an https URL without credentials');
const Certificates = z
  .string()
  .max(200_000)
  .regex(
    /^(-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----\s*)+$/,
    'certificates in PEM',
  );

/** Hosts beside the one of the URL that the repository sends its charts from. */
const MoreHosts = z
  .array(z.string().regex(/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/, 'a host name'))
  .max(10)
  .default([]);

/** Where a chart comes from. A plan names one of these and a version; it never says a place itself. */
export const ChartSource = z.discriminatedUnion('kind', [
  /** `index.yaml` below an https URL. */
  z.strictObject({
    kind: z.literal('repository'),
    url: Https,
    chart: PublishedName,
    egress: Addresses,
    ca: Certificates.optional(),
    more_hosts: MoreHosts,
  }),
  /** A registry of OCI artefacts: `registry.example/charts`. */
  z.strictObject({
    kind: z.literal('oci'),
    registry: z
      .string()
      .max(500)
      .regex(
        /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?(\/[a-z0-9][a-z0-9._-]*)*$/,
        'host, port and path without a scheme',
      ),
    chart: PublishedName,
    egress: Addresses,
    ca: Certificates.optional(),
    more_hosts: MoreHosts,
  }),
  /** A folder of a repository of `repositories`, at a commit that the plan names. */
  z.strictObject({ kind: z.literal('git_path'), repository: RepositoryName, path: RepositoryPath }),
  /** A folder of this machine below `chart_root`. */
  z.strictObject({ kind: z.literal('directory'), path: RepositoryPath }),
]);
export type ChartSource = z.infer<typeof ChartSource>;

export const HelmSettings = z
  .strictObject({
    clusters: ClustersSettings.shape.clusters,
    charts: z.record(ChartName, ChartSource).default({}),
    /** What charts of kind `directory` lie in. */
    chart_root: AbsolutePath.optional(),
    /** As `connectors.git.repositories`: where charts and values of kind `git_path` come from. */
    repositories: GitSettings.shape.repositories.default({}),
    /** Where values of kind `object_store` come from: `<url>/<key>`. */
    objects: z.strictObject({ url: Https, egress: Addresses, headers: Headers.default({}) }).optional(),
    /** Revisions that Helm keeps of a release. */
    history_max: z.int().min(3).max(100).default(10),
  })
  .refine(
    ({ charts, chart_root: root }) =>
      root !== undefined || !Object.values(charts).some(({ kind }) => kind === 'directory'),
    { path: ['chart_root'], error: 'needed by the charts of kind directory' },
  );
export type HelmSettings = z.infer<typeof HelmSettings>;
