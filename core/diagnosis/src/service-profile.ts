import { ContextRef } from '@carapulse/kernel';
import { z } from 'zod';

const serviceName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._/-]{0,252}$/);
const httpUrl = z.url({ protocol: /^https?$/ }).max(2000);
const directory = z
  .string()
  .regex(/^(?!\/)(?!.*(^|\/)\.\.(\/|$))[^\0\n]{1,500}$/, 'a path inside the repository');

/** What we know of one service: `context.services.<name>` of the configuration. */
export const ServiceProfile = z.strictObject({
  /** The repository as `connectors.git` names it. */
  repository: z.string().regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, 'a repository of connectors.git'),
  branch: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._/-]{0,200}$/)
    .default('main'),
  /** Files and directories of the repository that the service reads; empty when all of it may matter. */
  paths: z.array(directory).max(100).default([]),
  endpoints: z
    .strictObject({
      /** Answers 200 only when the service does its work; a repair is checked with it. */
      probe: httpUrl.optional(),
      /** Deployment history, JSON `{items: [{revision, deployed_at, status}]}`. */
      deployments: httpUrl.optional(),
      /** Newest log lines, one JSON object a line. */
      logs: httpUrl.optional(),
      /** Black-box samples, JSON `{items: [{at, ok, status, revision}]}`. */
      probes: httpUrl.optional(),
    })
    .prefault({}),
  /** Services that call this one. Null when nobody knows; then the blast radius is unknown too. */
  dependents: z.array(serviceName).max(1000).nullable().default(null),
  depends_on: z
    .array(z.strictObject({ name: serviceName, probe: httpUrl.optional() }))
    .max(100)
    .default([]),
  /** How long after its branch has moved it may take until it runs that and answers again; a repair's check waits. */
  recovers_within_ms: z.int().min(1000).max(600_000).default(120_000),
  /** Where it runs; overrides what an alert's labels say. */
  context: ContextRef.omit({ tenant_id: true }).partial().prefault({}),
});
export type ServiceProfile = z.infer<typeof ServiceProfile>;

export const ServiceProfiles = z.record(serviceName, ServiceProfile);
export type ServiceProfiles = z.infer<typeof ServiceProfiles>;

/** The profile of a service by the name an alert gives it, which may be any text; null when there is none. */
export function profileOf(profiles: ServiceProfiles, service: string | null): ServiceProfile | null {
  if (service === null || !Object.hasOwn(profiles, service)) return null;
  return profiles[service] ?? null;
}
