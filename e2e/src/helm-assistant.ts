import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { JsonObject } from '@carapulse/kernel';
import { startAssistant, type Assistant } from './assistant.ts';
import type { HelmWorld } from './helm-world.ts';
import { PEOPLE } from './world.ts';

const SHIPPED_POLICIES = join(import.meta.dirname, '..', '..', 'policies');
const NOBODY = 65_534;

/** Carapulse over the cluster and the charts, let write to the namespace `shop` with images of `registry.example`. */
export async function startHelmAssistant(world: HelmWorld): Promise<Assistant> {
  const { root, section } = world.kubernetes;
  const policies = join(root, 'policies');
  cpSync(SHIPPED_POLICIES, policies, { recursive: true });
  const file = join(policies, 'data.json');
  const data = JSON.parse(readFileSync(file, 'utf8')) as { assistant: { scope: JsonObject } };
  data.assistant.scope = { paths: ['**'], namespaces: ['shop'], images: ['registry.example/*'] };
  writeFileSync(file, JSON.stringify(data));
  const playbooks = join(root, 'playbooks');
  mkdirSync(playbooks);
  const config = {
    gateway: { port: 0 },
    policy: { stage: 1, directory: policies },
    playbooks: { directory: playbooks },
    context: { environment: 'production' },
    sandbox: { program_directories: [join(root, 'bin')] },
    connectors: { helm: { clusters: { main: section }, ...world.settings } },
    governance: {
      rate_limits: { admin: 1e6, operator: 1e6, developer: 1e6, observer: 1e6, anonymous: 1e6 },
    },
    auth: { local_identities: PEOPLE },
    telemetry: { log_level: 'info', log_format: 'json' },
  };
  // The cluster's programs may be root's alone; what the product runs as must reach its own directories.
  const user = process.getuid?.() === 0 ? NOBODY : undefined;
  return await startAssistant(join(root, 'installation'), config, user);
}
