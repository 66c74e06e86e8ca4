import { chmodSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JsonObject } from '@carapulse/kernel';
import { endAssistants, startAssistant, type Assistant } from './assistant.ts';
import { KubernetesWorld } from './kubernetes-world.ts';
import { approve, PEOPLE, type PlanView } from './world.ts';

/** A real cluster, and an installation of Carapulse that may scale in it. */
export interface ScaleWorld {
  readonly cluster: KubernetesWorld;
  start(): Promise<Assistant>;
  /** A Deployment of the namespace shop, rolled out; `apart` lets one of its pods run on each node. */
  deploy(name: string, replicas: number, options?: { readonly apart?: boolean }): Promise<void>;
  state(name: string): Promise<DeploymentState>;
  close(): Promise<void>;
}

export interface DeploymentState {
  readonly replicas: number;
  readonly available: number;
  /** Grows by one with each change of the specification. */
  readonly generation: number;
  readonly managers: readonly string[];
}

const NOBODY = 65_534;

export async function openScaleWorld(orchestrator: JsonObject = {}): Promise<ScaleWorld> {
  const cluster = await KubernetesWorld.start();
  await cluster.admin('create namespace shop');
  const root = mkdtempSync(join(tmpdir(), 'carapulse-scale-'));
  const asRoot = process.getuid?.() === 0;
  chmodSync(root, 0o755);
  const config = {
    gateway: { port: 0 },
    policy: { stage: 1, directory: policyFor(join(root, 'policies')) },
    orchestrator,
    context: { environment: 'production', services: { shop: { repository: 'shop', dependents: ['till'] } } },
    connectors: { kubectl: { clusters: { main: cluster.section } } },
    governance: {
      rate_limits: { admin: 1e6, operator: 1e6, developer: 1e6, observer: 1e6, anonymous: 1e6 },
    },
    auth: { local_identities: PEOPLE },
    telemetry: { log_level: 'info', log_format: 'json' },
  };
  return {
    cluster,
    // The cluster's servers are root's; what it runs its commands as must reach its folders.
    start: () => startAssistant(join(root, 'installation'), config, asRoot ? NOBODY : undefined),
    deploy: async (name, replicas, { apart = false } = {}) => {
      await cluster.admin('-n shop apply -f -', JSON.stringify(deployment(name, replicas, apart)));
      await cluster.rolledOut('shop', name);
    },
    state: async (name) => {
      const { spec, status, metadata } = (await cluster.object(
        '-n',
        'shop',
        'deployment',
        name,
      )) as unknown as {
        readonly spec: { readonly replicas: number };
        readonly status: { readonly availableReplicas?: number };
        readonly metadata: {
          readonly generation: number;
          readonly managedFields: readonly { readonly manager: string }[];
        };
      };
      return {
        replicas: spec.replicas,
        available: status.availableReplicas ?? 0,
        generation: metadata.generation,
        managers: metadata.managedFields.map(({ manager }) => manager),
      };
    },
    close: async () => {
      await endAssistants();
      await cluster.stop();
      rmSync(root, { recursive: true, force: true });
    },
  };
}

/** The shipped rules, with the namespace shop in their scope: as shipped they let nothing be scaled anywhere. */
function policyFor(directory: string): string {
  cpSync(join(import.meta.dirname, '..', '..', 'policies'), directory, { recursive: true });
  const file = join(directory, 'data.json');
  const data = JSON.parse(readFileSync(file, 'utf8')) as { assistant: { scope: { namespaces: string[] } } };
  data.assistant.scope.namespaces = ['shop'];
  writeFileSync(file, JSON.stringify(data));
  return directory;
}

/** Has the plan made, as dev; nothing is scaled by it. Of no service nobody knows the dependents: two must approve. */
export async function planScaling(
  assistant: Assistant,
  name: string,
  replicas: number,
  more: JsonObject = { service: 'shop' },
): Promise<PlanView> {
  const { body } = await assistant.as('dev').call('startWorkflow', {
    params: { name: 'scale-service' },
    body: {
      reason: 'a trial',
      input: { cluster: 'main', namespace: 'shop', kind: 'deployment', name, replicas, ...more },
    },
  });
  return body;
}

/** @returns the execution that the approvals of both started. */
export async function approveScaling(assistant: Assistant, plan: PlanView): Promise<string> {
  const first = await approve(assistant, plan, 'alice');
  return first.execution_id ?? (await approve(assistant, plan, 'bob')).execution_id ?? '';
}

function deployment(name: string, replicas: number, apart: boolean): object {
  const labels = { app: name };
  const selector = { matchLabels: labels };
  const term = { labelSelector: selector, topologyKey: 'kubernetes.io/hostname' };
  const affinity = { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: {
      replicas,
      selector,
      template: {
        metadata: { labels },
        spec: { containers: [{ name: 'web', image: 'example.com/web:1' }], ...(apart && { affinity }) },
      },
    },
  };
}
