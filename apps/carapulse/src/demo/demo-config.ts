import type { ProductionEndpoints } from '@carapulse/example-production';

/** The configuration that a team with this one service would write, as a document. */
export function demoConfig(
  production: { readonly repository: string; readonly endpoints: ProductionEndpoints },
  port: number,
): object {
  const { checkout, inventory, platform } = production.endpoints;
  return {
    gateway: { port },
    policy: { stage: 1 },
    context: {
      environment: 'production',
      services: {
        checkout: {
          repository: 'checkout',
          branch: 'main',
          paths: ['services/checkout'],
          endpoints: {
            probe: `${checkout}/checkout`,
            deployments: `${platform}/applications/checkout/history`,
            logs: `${platform}/applications/checkout/logs`,
            probes: `${platform}/probes/checkout`,
          },
          dependents: ['storefront'],
          depends_on: [{ name: 'inventory', probe: `${inventory}/stock` }],
        },
      },
    },
    connectors: {
      git: {
        repositories: {
          checkout: { url: production.repository, default_branch: 'main', branches: ['main'] },
        },
      },
      http: {
        endpoints: {
          checkout: { base_url: checkout, egress: 'private' },
          inventory: { base_url: inventory, egress: 'private' },
          platform: { base_url: platform, egress: 'private' },
        },
      },
    },
    auth: {
      local_identities: [
        { name: 'alice', kind: 'human', roles: ['operator'], groups: ['checkout-team'] },
        { name: 'bob', kind: 'human', roles: ['operator'], groups: ['platform-team'] },
        { name: 'alertmanager', kind: 'service', roles: ['operator'], groups: [] },
      ],
    },
    // The story asks more often than a person would.
    governance: {
      rate_limits: { admin: 6000, operator: 6000, developer: 600, observer: 600, anonymous: 60 },
    },
    telemetry: { log_level: 'info', log_format: 'json' },
  };
}
