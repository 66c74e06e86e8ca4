import { cp, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CHARTS, type ClusterAccess, type Playground } from '@carapulse/example-testbed';
import { SHIPPED } from '../services/shipped-paths.ts';

export const NAMESPACE = 'shop';

/** What a team would configure for one cluster and the charts of one directory; files go below `directory`. */
export async function clusterConfig(
  directory: string,
  programs: string,
  { temporal }: Pick<Playground, 'temporal'>,
  access: ClusterAccess,
  port: number,
): Promise<object> {
  const token = join(directory, 'cluster.token');
  await writeFile(token, access.token, { mode: 0o600 });
  const clusters = { main: { ...access, token: `file:${token}` } };
  return {
    gateway: { port },
    policy: { stage: 1, directory: await policyFor(directory) },
    orchestrator: temporal === null ? {} : { engine: 'temporal', temporal: { address: temporal.address } },
    sandbox: { program_directories: [programs] },
    context: {
      environment: 'production',
      services: { shop: { repository: 'shop', dependents: [] } },
    },
    connectors: {
      kubectl: { clusters },
      helm: {
        clusters,
        chart_root: dirname(CHARTS.shop),
        charts: { shop: { kind: 'directory', path: 'shop' } },
      },
    },
    auth: {
      local_identities: [
        { name: 'alice', kind: 'human', roles: ['operator'], groups: ['shop-team'] },
        { name: 'bob', kind: 'human', roles: ['operator'], groups: ['platform-team'] },
      ],
    },
    // The story asks more often than a person would.
    governance: {
      rate_limits: { admin: 6000, operator: 6000, developer: 600, observer: 600, anonymous: 60 },
    },
    telemetry: { log_level: 'info', log_format: 'json' },
  };
}

/** The shipped rules, with the one namespace that may be written to and the images that may run there. */
async function policyFor(directory: string): Promise<string> {
  const policies = join(directory, 'policies');
  await cp(SHIPPED.policies, policies, { recursive: true });
  const file = join(policies, 'data.json');
  const data = JSON.parse(await readFile(file, 'utf8')) as { assistant: { scope: object } };
  data.assistant.scope = {
    ...data.assistant.scope,
    namespaces: [NAMESPACE],
    images: ['registry.example/shop:*'],
  };
  await writeFile(file, JSON.stringify(data, null, 2));
  return policies;
}
