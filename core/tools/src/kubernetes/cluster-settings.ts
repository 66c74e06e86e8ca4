import { X509Certificate } from 'node:crypto';
import { AppError } from '@carapulse/kernel';
import { z } from 'zod';
import { Addresses, BaseUrl, egressTo, findNamed } from '../http-connector.ts';
import type { EgressRule } from '../sandbox.ts';
import { ClusterName, DnsLabel, ObjectName, ObjectUid } from './kubernetes-names.ts';

const PEM = /^(-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----\s*)+$/;

/** Certificates in PEM, or the same in base64 as a kubeconfig has it. */
export const CertificateAuthority = z
  .string()
  .max(200_000)
  .transform((text) => (text.includes('-----BEGIN') ? text : Buffer.from(text, 'base64').toString('utf8')))
  .refine((pem) => PEM.test(pem) && isCertificate(pem), 'certificates in PEM, or their base64');

/** One cluster, as `connectors.<tool>.clusters.<name>`; all tools that speak to Kubernetes share it. */
export const ClusterSettings = z.strictObject({
  server: BaseUrl.refine((url) => url.startsWith('https:'), 'an https URL'),
  /** Pins who may answer: nothing else is trusted. */
  ca: CertificateAuthority,
  /** Uid of the namespace kube-system: pins which cluster it is. */
  uid: ObjectUid,
  egress: Addresses,
  /** Namespaces that may be read and written; `*` is all. */
  namespaces: z.union([z.literal('*'), z.array(DnsLabel).max(500)]),
  /** May read, and `create` on `serviceaccounts/token` of the write account; it never writes itself. */
  token: z
    .string()
    .min(1)
    .max(10_000)
    .regex(/^[\x21-\x7e]+$/, 'printable ASCII without blanks'),
  /** The account that a token is made for, for each write anew. Without it nothing is written. */
  write_account: z.strictObject({ namespace: DnsLabel, name: ObjectName }).optional(),
});
export type ClusterSettings = z.infer<typeof ClusterSettings>;

export const ClustersSettings = z.strictObject({ clusters: z.record(ClusterName, ClusterSettings) });
export type ClustersSettings = z.infer<typeof ClustersSettings>;

/** A cluster with its name and the place of its settings, for messages. */
export interface Cluster extends ClusterSettings {
  readonly name: string;
  /** `connectors.<tool>.clusters.<name>`. */
  readonly where: string;
}

/** @throws AppError `not_found` naming the clusters there are. */
export function findCluster(settings: ClustersSettings, tool: string, name: string): Cluster {
  const found = findNamed(settings.clusters, name, `connectors.${tool}.clusters`);
  return { ...found, name, where: `connectors.${tool}.clusters.${name}` };
}

/** @throws AppError `forbidden` (`namespace_not_listed`) when it is not on the cluster's list. */
export function assertNamespaceListed(cluster: Cluster, namespace: string): void {
  if (cluster.namespaces === '*' || cluster.namespaces.includes(namespace)) return;
  const listed = cluster.namespaces.join(', ') || 'none';
  throw new AppError(
    'forbidden',
    `Namespace ${namespace} is not listed in ${cluster.where}.namespaces; listed: ${listed}.`,
    { details: { class: 'permanent', effect: 'none', reason: 'namespace_not_listed' } },
  );
}

/** What reaches the whole cluster takes `*`. @throws AppError `forbidden` (`namespace_not_listed`). */
export function assertAllNamespaces(cluster: Cluster, what: string): void {
  if (cluster.namespaces === '*') return;
  throw new AppError(
    'forbidden',
    `${what} reaches beyond the namespaces listed in ${cluster.where}.namespaces; set it to "*" to allow it.`,
    { details: { class: 'permanent', effect: 'none', reason: 'namespace_not_listed' } },
  );
}

export function clusterEgress(cluster: Cluster): readonly EgressRule[] {
  return egressTo(cluster.server, cluster.egress);
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}
