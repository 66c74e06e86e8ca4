import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FakeServer } from '@carapulse/example-testbed/fakes';
import type { JsonObject } from '@carapulse/kernel';
import { startAssistant, type Assistant } from '../assistant.ts';
import { approve, PEOPLE, until, type ExecutionView, type PlanView } from '../world.ts';
import type { GitOpsServers } from './own-servers.ts';

const POLICIES = join(import.meta.dirname, '..', '..', '..', 'policies');
const END_MS = 400_000;

/** When to kill: it calls back at the moment itself. */
export type Moment = (kill: () => void) => void;

export interface DeployerOptions {
  /** Of the installation. */
  readonly directory: string;
  readonly servers: GitOpsServers;
  /** Beside Git and Argo CD. */
  readonly connectors: JsonObject;
  readonly orchestrator?: JsonObject;
}

/** An installation that deploys the application `shop`, and people who ask for it and approve it. */
export class Deployer {
  readonly #directory: string;
  readonly #config: object;
  assistant: Assistant;

  private constructor(directory: string, config: object, assistant: Assistant) {
    this.#directory = directory;
    this.#config = config;
    this.assistant = assistant;
  }

  static async start(options: DeployerOptions): Promise<Deployer> {
    const config = configOf(options);
    return new Deployer(options.directory, config, await startAssistant(options.directory, config));
  }

  async plan(value: string, more: JsonObject = {}): Promise<PlanView> {
    const input = {
      repository: 'shop',
      file: 'shop/values.yaml',
      pointer: '/image/tag',
      value,
      application: { instance: 'main', name: 'shop' },
      healthy_for_seconds: 2,
      ...more,
    };
    const { body } = await this.assistant.as('alice').call('startWorkflow', {
      params: { name: 'gitops-deploy' },
      body: { input, reason: 'a new release' },
    });
    return body;
  }

  /** What depends on it is not known, so that two people look. @returns the execution. */
  async begin(plan: PlanView): Promise<string> {
    await approve(this.assistant, plan, 'bob');
    const { execution_id } = await approve(this.assistant, plan, 'carol');
    return execution_id ?? '';
  }

  /** Waits until a run has ended or is parked. */
  async ended(executionId: string): Promise<ExecutionView> {
    const look = async () => {
      const { body } = await this.assistant.as('alice').call('getExecution', {
        params: { execution_id: executionId },
      });
      return body.execution.ended_at !== null || body.execution.status === 'parked' ? body : null;
    };
    return until(`the end of ${executionId}`, look, END_MS);
  }

  async run(value: string, more: JsonObject = {}): Promise<ExecutionView & { readonly plan: PlanView }> {
    const plan = await this.plan(value, more);
    return { plan, ...(await this.ended(await this.begin(plan))) };
  }

  /** Kills the process at each of these moments, one after the other, and starts it again. */
  async killedAt(moments: readonly Moment[]): Promise<void> {
    for (const moment of moments) {
      const { assistant } = this;
      moment(() => assistant.signal('SIGKILL'));
      if ((await assistant.ended) !== 'SIGKILL') throw new Error('The process ended by itself.');
      this.assistant = await startAssistant(this.#directory, this.#config);
    }
  }
}

/** As soon as a fake has got such a request, before it answers. */
export function onRequest(fake: FakeServer, method: string, path: RegExp): Moment {
  return (kill) => {
    let armed = true;
    fake.fail({
      how: 'slow',
      on: (request) => {
        if (armed && request.method === method && path.test(request.path)) {
          armed = false;
          kill();
        }
        return false;
      },
    });
  };
}

/** As soon as something is seen, looked at every few milliseconds. */
export function onceSeen(seen: () => boolean): Moment {
  return (kill) => {
    const timer = setInterval(() => {
      if (!seen()) return;
      clearInterval(timer);
      kill();
    }, 3);
  };
}

/** The last verdict of each check. */
export function verdictsOf({ checks }: ExecutionView): Readonly<Record<string, string>> {
  return Object.fromEntries(checks.map(({ check_id, verdict }) => [check_id, verdict]));
}

/** Waits for the branch of a plan's proposed commit. @returns its commit. */
export async function proposed(plan: PlanView, tipOf: (branch: string) => string | null): Promise<string> {
  const commit = commitOf(plan);
  return until('the proposal', () => Promise.resolve(tipOf(branchOf(plan)) === commit ? commit : null));
}

/** The commit that a plan puts onto its branch. */
export function commitOf({ plan }: PlanView): string {
  const step = plan.steps.find(({ step_id }) => step_id === 'commit');
  return String(step?.call.input['expected_commit']);
}

/** Where it is proposed. */
export const branchOf = (plan: PlanView): string => `carapulse/${commitOf(plan).slice(0, 16)}`;

function configOf({ directory, servers, connectors, orchestrator = {} }: DeployerOptions): object {
  const policies = `${directory}-policies`;
  cpSync(POLICIES, policies, { recursive: true });
  const data = JSON.parse(readFileSync(join(policies, 'data.json'), 'utf8')) as {
    assistant: { scope: { namespaces: string[] } };
  };
  data.assistant.scope.namespaces = ['shop'];
  writeFileSync(join(policies, 'data.json'), JSON.stringify(data));
  const instance = {
    url: servers.url,
    egress: 'private',
    token: servers.tokens.reader,
    write_token: servers.tokens.carapulse,
    projects: ['default'],
    namespaces: ['shop'],
  };
  const { path: url } = servers.repository;
  return {
    gateway: { port: 0 },
    policy: { stage: 1, directory: policies },
    orchestrator,
    context: { environment: 'production' },
    connectors: {
      ...connectors,
      git: { repositories: { shop: { url, default_branch: 'main', branches: ['main'] } } },
      argocd: { instances: { main: instance } },
    },
    governance: {
      rate_limits: { admin: 1e6, operator: 1e6, developer: 1e6, observer: 1e6, anonymous: 1e6 },
    },
    auth: { local_identities: PEOPLE },
  };
}
