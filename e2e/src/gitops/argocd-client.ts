import type { JsonObject } from '@carapulse/kernel';
import { until } from '../world.ts';
import type { GitOpsServers } from './own-servers.ts';

/** A sync makes the namespace too. */
export const CREATING: JsonObject = { syncOptions: ['CreateNamespace=true'] };

/** A person's way to Argo CD, past Carapulse. */
export class ArgocdClient {
  readonly #servers: GitOpsServers;

  constructor(servers: GitOpsServers) {
    this.#servers = servers;
  }

  async ask(method: string, path: string, body?: object): Promise<JsonObject> {
    const headers = {
      authorization: `Bearer ${this.#servers.tokens.operator}`,
      'content-type': 'application/json',
    };
    const sent = body === undefined ? {} : { body: JSON.stringify(body) };
    const reply = await fetch(`${this.#servers.url}/api/v1/${path}`, { method, headers, ...sent });
    const answer = (await reply.json()) as JsonObject;
    if (!reply.ok) throw new Error(`${method} ${path}: ${reply.status} ${JSON.stringify(answer)}`);
    return answer;
  }

  /** Makes an application of a path of the repository's `main`. */
  async create(name: string, path: string, namespace: string, spec: JsonObject = {}): Promise<void> {
    await this.ask('POST', 'applications', {
      metadata: { name },
      spec: {
        project: 'default',
        source: { repoURL: this.#servers.repository.url, path, targetRevision: 'main' },
        destination: { server: 'https://kubernetes.default.svc', namespace },
        syncPolicy: CREATING,
        ...spec,
      },
    });
  }

  /** Waits until the application's health, and the end of its last operation, are as told. */
  async until(name: string, health: string, phase = 'Succeeded'): Promise<void> {
    await until(`${name} to be ${health}`, async () => {
      const { status } = (await this.ask('GET', `applications/${name}?refresh=normal`)) as {
        status: { health?: { status?: string }; operationState?: { phase?: string } };
      };
      return status.health?.status === health && status.operationState?.phase === phase ? true : null;
    });
  }

  /** Syncs an application to what its branch has, and waits until it is healthy. */
  async synced(name: string): Promise<void> {
    await this.ask('POST', `applications/${name}/sync`, {});
    await this.until(name, 'Healthy');
  }
}
