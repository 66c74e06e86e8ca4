import { AppError } from '@carapulse/kernel';
import { z } from 'zod';
import { Addresses, BaseUrl, findNamed, InstanceName } from '../../http-connector.ts';
import { CertificateAuthority } from '../../kubernetes/cluster-settings.ts';
import { DnsLabel, ObjectName } from '../../kubernetes/kubernetes-names.ts';

const Token = z
  .string()
  .min(1)
  .max(10_000)
  .regex(/^[\x21-\x7e]+$/, 'printable ASCII without blanks');

/** One Argo CD, as `connectors.argocd.instances.<name>`. */
export const ArgocdInstance = z
  .strictObject({
    url: BaseUrl,
    egress: Addresses,
    /** Certificates that alone are trusted, in place of the machine's. */
    ca: CertificateAuthority.optional(),
    /** False: what is before it passes no gRPC, so that the program argocd isn't used for it. */
    grpc: z.boolean().default(true),
    /** Of an account that gets applications and their projects, and nothing else. */
    token: Token,
    /** Of an account that also syncs them. Without it nothing is written. */
    write_token: Token.optional(),
    /** Projects whose applications may be read and written; `*` is all. */
    projects: z.union([z.literal('*'), z.array(ObjectName).max(500)]),
    /** Namespaces that an application may deploy to; `*` is all. */
    namespaces: z.union([z.literal('*'), z.array(DnsLabel).max(500)]),
  })
  .refine(({ url, ca }) => ca === undefined || url.startsWith('https:'), {
    path: ['ca'],
    error: 'only for an https URL',
  });

export const ArgocdSettings = z.strictObject({ instances: z.record(InstanceName, ArgocdInstance) });
export type ArgocdSettings = z.infer<typeof ArgocdSettings>;

/** An instance with its name and the place of its settings, for messages. */
export type Instance = z.infer<typeof ArgocdInstance> & { readonly name: string; readonly where: string };

/** Whether argocd can reach it: gRPC knows no path below a host. */
export function takesGrpc({ url, grpc }: Instance): boolean {
  return grpc && new URL(url).pathname === '/';
}

/** @throws AppError `not_found` naming the instances there are. */
export function findInstance(settings: ArgocdSettings, name: string): Instance {
  const found = findNamed(settings.instances, name, 'connectors.argocd.instances');
  return { ...found, name, where: `connectors.argocd.instances.${name}` };
}

/** @throws AppError `forbidden` (`project_not_listed`). */
export function assertProjectListed(instance: Instance, project: string): void {
  assertListed(instance, { field: 'projects', what: 'Project', names: [project] });
}

/** @throws AppError `forbidden` (`namespace_not_listed`). */
export function assertNamespacesListed(instance: Instance, names: readonly string[]): void {
  assertListed(instance, { field: 'namespaces', what: 'Namespace', names });
}

function assertListed(
  instance: Instance,
  list: {
    readonly field: 'projects' | 'namespaces';
    readonly what: string;
    readonly names: readonly string[];
  },
): void {
  const listed = instance[list.field];
  if (listed === '*') return;
  const outside = list.names.find((name) => !listed.includes(name));
  if (outside === undefined) return;
  throw new AppError(
    'forbidden',
    `${list.what} ${outside} is not listed in ${instance.where}.${list.field}; listed: ${listed.join(', ') || 'none'}.`,
    {
      details: {
        class: 'permanent',
        effect: 'none',
        reason: `${list.what.toLowerCase()}_not_listed`,
      },
    },
  );
}
