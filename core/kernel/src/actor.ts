import { z } from 'zod';

/** The roles; what each may do is decided in core/governance. */
export const Role = z.enum(['admin', 'operator', 'developer', 'observer', 'anonymous']);
export type Role = z.infer<typeof Role>;

/**
 * How sure we are who acted: `key` signed with the person's own key, `session` verified by an identity
 * provider, `local` a local identity (one operating system user holds them all), `service` one of our processes.
 */
export const Assurance = z.enum(['key', 'session', 'local', 'service']);
export type Assurance = z.infer<typeof Assurance>;

/** Who acts. `id` is stable and unique in the tenant (`user:alice`, `service:orchestrator`). */
export const Actor = z.strictObject({
  id: z.string().min(1).max(200),
  kind: z.enum(['human', 'service', 'agent']),
  tenant_id: z.string().min(1).max(253),
  roles: z.array(Role),
  groups: z.array(z.string().min(1).max(200)),
  assurance: Assurance,
});
export type Actor = z.infer<typeof Actor>;
