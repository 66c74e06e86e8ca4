import type { JsonObject } from '@carapulse/kernel';
import type { EgressHttp } from '../../egress-http.ts';
import { sessionOf } from '../../session.testing.ts';
import type { ToolSession } from '../../tool-session.ts';
import { argocd } from './index.ts';

export const APP_UID = '11111111-2222-4333-8444-555555555555';
export const REVISION = 'a'.repeat(40);
/** The key that a session of a test has. */
export const KEY = 'key';

export const section: JsonObject = {
  url: 'https://argocd.example/base',
  egress: 'private',
  token: 'reads',
  write_token: 'writes',
  projects: ['default'],
  namespaces: ['shop'],
};

/** For tests: what was asked, as `METHOD path`. */
export interface Asked {
  readonly what: string;
  readonly query: URLSearchParams;
  readonly token: string | undefined;
  readonly body: JsonObject | null;
}
export type Answer = { readonly status: number; readonly body: unknown } | undefined;

/** For tests: an Argo CD that answers as told, and with 404 what it isn't told of. */
export class FakeArgocd {
  readonly asked: Asked[] = [];
  readonly #answer: (asked: Asked) => Answer;

  constructor(answer: (asked: Asked) => Answer) {
    this.#answer = answer;
  }

  get writes(): readonly Asked[] {
    return this.asked.filter(({ what }) => !what.startsWith('GET '));
  }

  session(action: string, input: JsonObject = {}, over: JsonObject = {}): ToolSession {
    const egressHttp: EgressHttp = {
      request: ({ method, url, headers, body }) => {
        const { pathname, searchParams } = new URL(url);
        const asked = {
          what: `${method} ${pathname.replace('/base/api/v1/', '')}`,
          query: searchParams,
          token: headers['authorization'],
          body: body === undefined ? null : (JSON.parse(body) as JsonObject),
        };
        this.asked.push(asked);
        const { status, body: answer } = this.#answer(asked) ?? { status: 404, body: { message: 'none' } };
        const text = typeof answer === 'string' ? answer : JSON.stringify(answer);
        return Promise.resolve({ status, headers: {}, body: text, truncated: false, durationMs: 1 });
      },
    };
    const settings = { instances: { main: { ...section, ...over } } };
    const address = { instance: 'main', project: 'default', app: 'shop' };
    return sessionOf(argocd, settings, action, { ...address, ...input }, { egressHttp });
  }

  async call(action: string, input: JsonObject = {}, over: JsonObject = {}): Promise<JsonObject> {
    return (await this.session(action, input, over).run()) as JsonObject;
  }
}

/** For tests: an operation that some step asked for. */
export function operationOf(key: string, over: object = {}): object {
  return {
    phase: 'Succeeded',
    startedAt: '2026-11-25T10:00:00Z',
    finishedAt: '2026-11-25T10:00:02Z',
    operation: { sync: { revision: REVISION }, info: [{ name: 'carapulse', value: key }] },
    ...over,
  };
}

/** For tests: the Application `shop`. */
export function application(over: { spec?: object; status?: object; operation?: object } = {}): object {
  return {
    metadata: { name: 'shop', namespace: 'argocd', uid: APP_UID },
    spec: {
      project: 'default',
      source: { repoURL: 'https://me:secret@git.example/shop.git', path: 'app', targetRevision: 'main' },
      destination: { server: 'https://kubernetes.default.svc', namespace: 'shop' },
      ...over.spec,
    },
    ...(over.operation === undefined ? {} : { operation: over.operation }),
    status: {
      sync: { status: 'Synced', revision: REVISION },
      health: { status: 'Healthy' },
      summary: { images: ['b:1', 'a:1'] },
      resources: [
        { group: 'apps', kind: 'Deployment', namespace: 'shop', name: 'web', status: 'Synced' },
        { kind: 'Service', namespace: 'shop', name: 'web', status: 'OutOfSync', requiresPruning: true },
      ],
      ...over.status,
    },
  };
}
