import type { ProductionEndpoints } from './production.ts';

/**
 * The part of a configuration in which Carapulse is told of this production: what a team with these services would
 * write. Each name in `repositories`, with its repository's URL, is a service that is checkout in all but its name.
 */
export function carapulseConfig(
  { checkout, inventory, platform }: ProductionEndpoints,
  repositories: Readonly<Record<string, string>>,
) {
  const each = <T>(of: (service: string, url: string) => T): Record<string, T> =>
    Object.fromEntries(Object.entries(repositories).map(([service, url]) => [service, of(service, url)]));
  const local = (url: string) => ({ base_url: url, egress: 'private' });
  return {
    policy: { stage: 1 },
    context: {
      environment: 'production',
      services: each((service) => ({
        repository: service,
        branch: 'main',
        paths: ['services/checkout'],
        endpoints: {
          probe: `${checkout}/checkout`,
          deployments: `${platform}/applications/checkout/history`,
          logs: `${platform}/applications/checkout/logs`,
          probes: `${platform}/probes/checkout`,
        },
        // The reconciler redeploys at once.
        recovers_within_ms: 10_000,
        dependents: ['storefront'],
        depends_on: [{ name: 'inventory', probe: `${inventory}/stock` }],
      })),
    },
    connectors: {
      git: { repositories: each((_service, url) => ({ url, default_branch: 'main', branches: ['main'] })) },
      http: {
        endpoints: {
          checkout: local(checkout),
          inventory: local(inventory),
          platform: local(platform),
        },
      },
    },
  };
}
