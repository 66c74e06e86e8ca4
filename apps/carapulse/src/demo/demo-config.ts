import { carapulseConfig, type ProductionEndpoints } from '@carapulse/example-production';

/** The configuration that a team with this one service would write, as a document. */
export function demoConfig(
  production: { readonly repository: string; readonly endpoints: ProductionEndpoints },
  port: number,
): object {
  return {
    ...carapulseConfig(production.endpoints, { checkout: production.repository }),
    gateway: { port },
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
