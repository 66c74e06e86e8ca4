import { Actor, AppError } from '@carapulse/kernel';
import type { JWTPayload } from 'jose';
import { z } from 'zod';

/** The claims that we read of a token; others are let be. */
const Claims = z.object({
  sub: z.string().min(1).max(190),
  roles: z.array(z.string().max(200)).max(100).default([]),
  groups: z.array(z.string().min(1).max(200)).max(500).default([]),
  tenant_id: z.string().min(1).max(253).optional(),
});

const ROLES: ReadonlySet<string> = new Set(['admin', 'operator', 'developer', 'observer']);

/**
 * The actor a verified token stands for. Roles that we don't know are ignored: they grant nothing.
 * @throws AppError `unauthenticated` when a claim that we need is missing or malformed, or the tenant is another one.
 */
export function actorFromClaims(
  payload: JWTPayload,
  issuer: {
    readonly tenantId: string;
    readonly assurance: 'session' | 'local';
    readonly serviceSubjects: readonly string[];
  },
): Actor {
  const parsed = Claims.safeParse(payload);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new AppError(
      'unauthenticated',
      `The token's claim ${issue?.path.join('.') ?? ''} is not usable: ${issue?.message ?? ''}`,
    );
  }
  const { sub, roles, groups, tenant_id } = parsed.data;
  if (tenant_id !== undefined && tenant_id !== issuer.tenantId) {
    throw new AppError(
      'unauthenticated',
      `The token is for the tenant ${tenant_id}; this installation serves ${issuer.tenantId}.`,
    );
  }
  const service = issuer.serviceSubjects.includes(sub) || sub.startsWith('service:');
  return Actor.parse({
    id: sub.includes(':') ? sub : `user:${sub}`,
    kind: service ? 'service' : 'human',
    tenant_id: issuer.tenantId,
    roles: roles.filter((role) => ROLES.has(role)),
    groups,
    assurance: service ? 'service' : issuer.assurance,
  });
}
