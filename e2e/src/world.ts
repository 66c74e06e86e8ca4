import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Client } from '@carapulse/client-http';
import { endAssistants, startAssistant, type Assistant } from './assistant.ts';
import { homeOf } from './home-of.ts';
import { repairPlaybook } from './repair-playbook.ts';
import { openShop, type Commits, type Shop } from './shop.ts';

const NOBODY = 65_534;
const WITHIN_MS = 60_000;
const POLL_MS = 50;

/** A shop, an installation that looks after it, and the ways of the people in it. */
export interface World {
  readonly root: string;
  readonly installation: string;
  readonly shop: Shop;
  readonly config: WorldConfig;
  start(change?: Partial<WorldConfig>): Promise<Assistant>;
  /** Breaks the shop and tells of it. @returns the plan that the investigation led to. */
  plan(assistant: Assistant, options?: PlanOptions): Promise<PlanView>;
  /** Breaks the shop once and has so many plans made for it, all from the same state. */
  plans(assistant: Assistant, count: number, options?: PlanOptions): Promise<readonly PlanView[]>;
  alert(assistant: Assistant, alert: AlertInput): Promise<string>;
  close(): Promise<void>;
}

export interface PlanOptions {
  readonly alertname?: 'BothBroken' | 'BothBrokenSoon';
  /** False: a fault that lies beneath stays, so that the repair does not help and is rolled back. */
  readonly helps?: boolean;
}
export type WorldConfig = Readonly<Record<string, unknown>>;
export interface AlertInput {
  readonly alertname: string;
  readonly service: string;
  readonly commits?: Commits;
  readonly status?: 'firing' | 'resolved';
}
type Body<T> = T extends Promise<{ readonly body: infer B }> ? B : never;
const getPlan = (client: Client, plan_id: string) => client.call('getPlan', { params: { plan_id } });
const getExecution = (client: Client, execution_id: string) =>
  client.call('getExecution', { params: { execution_id } });
export type PlanView = Body<ReturnType<typeof getPlan>>;
export type ExecutionView = Body<ReturnType<typeof getExecution>>;

export const PEOPLE = [
  { name: 'alice', kind: 'human', roles: ['operator'], groups: ['shop-team'] },
  { name: 'bob', kind: 'human', roles: ['operator'], groups: ['platform-team'] },
  { name: 'carol', kind: 'human', roles: ['operator'], groups: ['platform-team'] },
  { name: 'ada', kind: 'human', roles: ['admin'], groups: ['admins'] },
  { name: 'dev', kind: 'human', roles: ['developer'], groups: ['shop-team'] },
  { name: 'olga', kind: 'human', roles: ['observer'], groups: [] },
  { name: 'alertmanager', kind: 'service', roles: ['operator'], groups: [] },
] as const;

/** Tests need no rights; as root they go on as nobody, in this process and its children. */
export function dropRoot(): void {
  if (process.getuid?.() !== 0) return;
  process.env['HOME'] = homeOf(NOBODY);
  process.setgroups?.([]);
  process.setgid?.(NOBODY);
  process.setuid?.(NOBODY);
}

export async function openWorld(): Promise<World> {
  dropRoot();
  const root = mkdtempSync(join(tmpdir(), 'carapulse e2e '));
  const installation = join(root, 'the installation');
  const shop = await openShop(join(root, 'shop'));
  const playbooks = join(root, 'playbooks');
  mkdirSync(playbooks);
  const book = (name: string, alertname: string, expiresIn: string): void =>
    writeFileSync(
      join(playbooks, `${name}.yaml`),
      repairPlaybook({ name, alertname, shopUrl: shop.url, expiresIn }),
    );
  book('repair', 'BothBroken', '1h');
  book('repair-soon', 'BothBrokenSoon', '5s');
  const repository = (name: 'alpha' | 'beta') => ({
    url: shop.bare(name),
    default_branch: 'main',
    branches: ['main'],
  });
  const config: WorldConfig = {
    gateway: { port: 0 },
    policy: { stage: 1 },
    orchestrator: { automated_writes_per_service_hour: 10_000 },
    playbooks: { directory: playbooks },
    context: { environment: 'production' },
    connectors: {
      git: { repositories: { alpha: repository('alpha'), beta: repository('beta') } },
      http: { endpoints: { shop: { base_url: shop.url, egress: 'private' } } },
    },
    governance: {
      rate_limits: { admin: 1e6, operator: 1e6, developer: 1e6, observer: 1e6, anonymous: 1e6 },
    },
    auth: { local_identities: PEOPLE },
    telemetry: { log_level: 'info', log_format: 'json' },
  };
  let alerts = 0;
  const alert = async (assistant: Assistant, input: AlertInput): Promise<string> => {
    const { body } = await assistant
      .as('alertmanager')
      .call('receiveAlerts', { body: webhook(input) as never });
    const id = body.incidents[0]?.incident_id;
    if (id === undefined) throw new Error(`The alert led to no incident: ${JSON.stringify(body)}`);
    return id;
  };
  const plans: World['plans'] = async (assistant, count, { alertname = 'BothBroken', helps = true } = {}) => {
    await shop.mend();
    if (!helps) await shop.breakBoth();
    const commits = await shop.breakBoth();
    const incidents: string[] = [];
    for (let made = 0; made < count; made += 1) {
      alerts += 1;
      incidents.push(await alert(assistant, { alertname, service: `shop-${alerts}`, commits }));
    }
    return Promise.all(incidents.map((id) => proposedPlan(assistant, id)));
  };
  return {
    root,
    installation,
    shop,
    config,
    start: (change = {}) => startAssistant(installation, { ...config, ...change }),
    alert,
    plan: async (assistant, options) => {
      const [plan] = await plans(assistant, 1, options);
      if (plan === undefined) throw new Error('The alert led to no plan.');
      return plan;
    },
    plans,
    close: async () => {
      await endAssistants();
      await shop.close();
      rmSync(root, { recursive: true, force: true });
    },
  };
}

/** Waits for the first investigation of an incident and gives the plan it led to. */
export async function proposedPlan(assistant: Assistant, incidentId: string): Promise<PlanView> {
  const client = assistant.as('alice');
  const investigation = await until(`the investigation of ${incidentId}`, async () => {
    const { body } = await client.call('getIncident', { params: { incident_id: incidentId } });
    return body.investigations.find((each) => each.ended_at !== null) ?? null;
  });
  if (investigation.plan_id === null)
    throw new Error(`No plan: ${investigation.conclusion} ${JSON.stringify(investigation.matched)}`);
  return (await getPlan(client, investigation.plan_id)).body;
}

export async function planNow(assistant: Assistant, planId: string): Promise<PlanView> {
  return (await getPlan(assistant.as('alice'), planId)).body;
}

/** Approves as `who`; the same request twice is one approval. */
export async function approve(assistant: Assistant, { plan }: PlanView, who = 'bob') {
  const { body } = await assistant.as(who).call('decideApproval', {
    body: { plan_id: plan.plan_id, plan_hash: plan.plan_hash, verdict: 'approve' },
    idempotencyKey: `${who}-${plan.plan_id}`,
  });
  return body;
}

/** Waits until a run has ended or waits for a person; with `giveUpMs`, answers with what it is by then. */
export async function endOf(
  assistant: Assistant,
  executionId: string,
  giveUpMs = Number.POSITIVE_INFINITY,
): Promise<ExecutionView> {
  const client = assistant.as('alice');
  const startMs = performance.now();
  return until(`the end of ${executionId}`, async () => {
    const { body } = await getExecution(client, executionId);
    const ended = body.execution.ended_at !== null || body.execution.status === 'parked';
    return ended || performance.now() - startMs > giveUpMs ? body : null;
  });
}

/** Asks until there is an answer. */
export async function until<T>(
  what: string,
  look: () => Promise<T | null>,
  withinMs = WITHIN_MS,
): Promise<T> {
  const endMs = performance.now() + withinMs;
  while (performance.now() < endMs) {
    const answer = await look();
    if (answer !== null) return answer;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  throw new Error(`Waited ${withinMs / 1000} s for ${what}.`);
}

/** What Alertmanager would post. */
export function webhook({ alertname, service, commits, status = 'firing' }: AlertInput): object {
  const labels = {
    alertname,
    service,
    severity: 'critical',
    ...(commits && { alpha_commit: commits.alpha, beta_commit: commits.beta }),
  };
  return {
    version: '4',
    groupKey: `{}:{service="${service}"}`,
    truncatedAlerts: 0,
    status,
    receiver: 'carapulse',
    groupLabels: { service },
    commonLabels: labels,
    commonAnnotations: {},
    externalURL: 'http://alertmanager.example',
    alerts: [
      {
        status,
        labels,
        annotations: { summary: 'the shop is broken' },
        startsAt: new Date(Date.now() - 5000).toISOString(),
        endsAt: status === 'resolved' ? new Date().toISOString() : '0001-01-01T00:00:00Z',
        generatorURL: 'http://prometheus.example/graph',
        fingerprint: Buffer.from(service).toString('hex').padEnd(16, '0').slice(-16),
      },
    ],
  };
}
