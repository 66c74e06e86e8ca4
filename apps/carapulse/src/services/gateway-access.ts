import type { AddressInfo } from 'node:net';
import type { Config } from '@carapulse/configuration';
import type { createGateway } from '@carapulse/gateway-fastify';
import { createTokenVerifier } from '@carapulse/identity-jwt';
import { AppError, type Clock } from '@carapulse/kernel';
import { LOCAL_AUDIENCE, type Installation } from '../installation/open-installation.ts';

/** Believes the installation's own issuer and the configured ones. */
export function tokenVerifier(config: Config, installation: Installation, clock: Clock) {
  const tenantId = config.context.tenant_id;
  const verifier = createTokenVerifier({
    clock,
    cacheSize: 10_000,
    issuers: [
      {
        issuer: installation.issuer.issuer,
        audience: LOCAL_AUDIENCE,
        tenantId,
        assurance: 'local',
        serviceSubjects: [],
        keys: { kind: 'local', jwks: installation.issuer.jwks },
      },
      ...config.auth.issuers.map((each) => ({
        issuer: each.issuer,
        audience: each.audience,
        tenantId,
        assurance: 'session' as const,
        serviceSubjects: each.service_subjects,
        keys: { kind: 'remote' as const, url: new URL(each.jwks_url) },
      })),
    ],
  });
  return (token: string) => verifier.verify(token);
}

/** @returns the address it answers on. @throws AppError `conflict` when the port is taken. */
export async function listen(
  gateway: ReturnType<typeof createGateway>,
  { gateway: { host, port }, auth }: Config,
): Promise<string> {
  if (auth.issuers.length === 0 && !['127.0.0.1', 'localhost', '::1'].includes(host)) {
    throw new AppError(
      'invalid_input',
      `gateway.host is ${host}, but only local identities are configured; add auth.issuers or listen on 127.0.0.1.`,
    );
  }
  try {
    await gateway.listen({ host, port });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    if (code !== 'EADDRINUSE')
      throw new AppError(
        'invalid_input',
        `Carapulse cannot listen on ${host}, port ${port} (${code}); choose another gateway.host or gateway.port.`,
        { cause: error },
      );
    throw new AppError(
      'conflict',
      `Port ${port} on ${host} is taken; end what listens there (\`ss -ltnp 'sport = :${port}'\`) or set gateway.port (\`--port 0\` takes any free one).`,
      {
        cause: error,
      },
    );
  }
  const { port: bound } = gateway.server.address() as AddressInfo;
  return `http://${host.includes(':') ? `[${host}]` : host}:${bound}`;
}
