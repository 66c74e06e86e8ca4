// Owner: one bench. Boundary: a real broken production, a Carapulse that knows many services, each with its own copy of
// the repository. 1. When `stop` has resolved, no process and no file is left.
import { spawnSync } from 'node:child_process';
import { chmod, cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  carapulseConfig,
  renderWebhook,
  startProductionProcess,
  type AlertmanagerWebhook,
  type ProductionEndpoints,
} from '@carapulse/example-production';
import { startCarapulse, type CarapulseProcess } from './carapulse-process.ts';

const LIMITS = { admin: 1e9, operator: 1e9, developer: 1e9, observer: 1e9, anonymous: 1e9 };
const START_MS = 60_000;

export interface Fleet {
  readonly home: string;
  /** Of the installation. */
  readonly directory: string;
  readonly services: readonly string[];
  readonly carapulse: CarapulseProcess;
  /** Alertmanager's webhook saying that the service fails. */
  alert(service: string): AlertmanagerWebhook;
  stop(): Promise<void>;
}

/** Breaks a production by a commit, copies its repository once a service, and starts Carapulse over all of them. */
export async function startFleet(size: number, playbooks: string | null): Promise<Fleet> {
  const home = await mkdtemp(join(tmpdir(), 'carapulse-bench-fleet-'));
  await chmod(home, 0o711);
  const signal = AbortSignal.timeout(START_MS);
  const production = await startProductionProcess({ directory: join(home, 'production'), signal });
  try {
    await production.waitUntil('healthy', signal);
    await production.pushBadCommit(signal);
    await production.pushInnocentCommits(signal);
    await production.waitUntil('broken', signal);
    const services = Array.from({ length: size }, (_, index) => `service-${index}`);
    const repositories = join(home, 'repositories');
    for (const service of services) {
      await cp(production.repository, join(repositories, `${service}.git`), { recursive: true });
    }
    // Commands run as somebody else when the bench is root's; the repositories must be theirs.
    if (process.getuid?.() === 0) spawnSync('chown', ['-R', '65534:65534', repositories]);
    const directory = join(home, 'installation');
    await mkdir(directory, { mode: 0o711 });
    const file = join(home, 'carapulse.yaml');
    await writeFile(file, JSON.stringify(configOf(services, repositories, production.endpoints, playbooks)));
    const carapulse = await startCarapulse(directory, file);
    return {
      home,
      directory,
      services,
      carapulse,
      alert: (service) => alertOf(service, production.endpoints.platform),
      stop: async () => {
        await carapulse.stop();
        await production.stop();
        await rm(home, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await production.stop();
    await rm(home, { recursive: true, force: true });
    throw error;
  }
}

function configOf(
  services: readonly string[],
  repositories: string,
  endpoints: ProductionEndpoints,
  playbooks: string | null,
): object {
  const urls = services.map((service) => [service, join(repositories, `${service}.git`)]);
  return {
    ...carapulseConfig(endpoints, Object.fromEntries(urls) as Record<string, string>),
    governance: { rate_limits: LIMITS },
    ...(playbooks !== null && { playbooks: { directory: playbooks } }),
    auth: {
      local_identities: [
        { name: 'alice', kind: 'human', roles: ['operator'], groups: ['checkout-team'] },
        { name: 'alertmanager', kind: 'service', roles: ['operator'], groups: [] },
      ],
    },
  };
}

function alertOf(service: string, platformUrl: string): AlertmanagerWebhook {
  const episode = {
    startsAt: new Date().toISOString(),
    endsAt: null,
    annotations: { summary: `${service} fails` },
  };
  const webhook = renderWebhook(episode, platformUrl);
  const labels = { ...webhook.commonLabels, alertname: 'ServiceErrors', service };
  return {
    ...webhook,
    groupKey: `{}:{service="${service}"}`,
    groupLabels: { service },
    commonLabels: labels,
    alerts: webhook.alerts.map((alert) => ({
      ...alert,
      labels,
      fingerprint: Buffer.from(service).toString('hex').slice(-16).padStart(16, '0'),
    })),
  };
}
