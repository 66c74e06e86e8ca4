import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installationPaths } from '@carapulse/carapulse/composition';
import {
  carapulseConfig,
  startProductionProcess,
  type ProductionHandle,
} from '@carapulse/example-production';
import { skipWithoutPostgres, startPostgresServer } from '@carapulse/store-postgres/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { endAssistants, startAssistant } from './src/assistant.ts';
import { skipWithoutMonitoring, startMonitoring } from './src/monitoring.ts';
import { approve, dropRoot, endOf, PEOPLE, proposedPlan, until } from './src/world.ts';

const STEP_MS = 60_000;

describe.skipIf(skipWithoutMonitoring())('from a real Prometheus through a real Alertmanager', () => {
  let root: string;
  let production: ProductionHandle;
  const closers: Array<() => Promise<unknown>> = [];
  beforeEach(async () => {
    dropRoot();
    root = mkdtempSync(join(tmpdir(), 'carapulse monitoring '));
    production = await startProductionProcess({
      directory: join(root, 'production'),
      signal: AbortSignal.timeout(STEP_MS),
    });
    closers.push(() => production.stop());
  });
  afterEach(async () => {
    await endAssistants();
    for (const close of closers.splice(0).toReversed()) await close();
    rmSync(root, { recursive: true, force: true });
  });

  test('a bad commit is repaired and the incident resolves, on the embedded database', () => repair(null));

  test.skipIf(skipWithoutPostgres())(
    'a bad commit is repaired and the incident resolves, on PostgreSQL',
    async () => {
      const server = await startPostgresServer();
      closers.push(() => server.stop());
      await repair(await server.createDatabase());
    },
  );

  async function repair(databaseUrl: string | null): Promise<void> {
    const directory = join(root, 'installation');
    const assistant = await startAssistant(directory, config(production, databaseUrl));
    closers.push(() => assistant.stop());
    const monitoring = await startMonitoring({
      directory: join(root, 'monitoring'),
      scrape: new URL(production.endpoints.checkout).host,
      webhookUrl: `${assistant.url}/v1/hooks/alertmanager`,
      tokenFile: join(installationPaths(directory).identities, 'alertmanager.token'),
    });
    closers.push(() => monitoring.stop());
    const bad = await production.pushBadCommit(AbortSignal.timeout(STEP_MS));
    await production.waitUntil('broken', AbortSignal.timeout(STEP_MS));
    const client = assistant.as('alice');
    const incidentId = await until('an incident', async () => {
      const { body } = await client.call('listIncidents', {});
      return body.items[0]?.incident_id ?? null;
    });
    const plan = await proposedPlan(assistant, incidentId);
    expect(plan.plan.trigger.kind).toBe('alert');
    expect(JSON.stringify(plan.plan.steps)).toContain(bad.revision);
    const { execution_id } = await approve(assistant, plan);
    const { execution } = await endOf(assistant, execution_id ?? '');
    expect(execution).toMatchObject({ status: 'succeeded' });
    await production.waitUntil('healthy', AbortSignal.timeout(STEP_MS));
    const status = await until('the incident to resolve', async () => {
      const { body } = await client.call('getIncident', { params: { incident_id: incidentId } });
      return body.incident.status === 'resolved' ? body.incident.status : null;
    });
    expect(status).toBe('resolved');
    const { body } = await client.call('listIncidents', {});
    expect(body.items).toHaveLength(1);
  }
});

function config({ endpoints, repository }: ProductionHandle, databaseUrl: string | null): object {
  return {
    ...carapulseConfig(endpoints, { checkout: repository }),
    gateway: { port: 0 },
    ...(databaseUrl !== null && { storage: { database_url: databaseUrl } }),
    governance: {
      rate_limits: { admin: 1e6, operator: 1e6, developer: 1e6, observer: 1e6, anonymous: 1e6 },
    },
    auth: { local_identities: PEOPLE },
  };
}
