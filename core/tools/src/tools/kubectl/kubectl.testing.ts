import type { JsonObject } from '@carapulse/kernel';
import type { EgressHttp } from '../../egress-http.ts';
import { section, UID } from '../../kubernetes/cluster.testing.ts';
import { sessionOf } from '../../session.testing.ts';
import type { ToolSession } from '../../tool-session.ts';
import { kubectl } from './index.ts';

export const OBJECT_UID = '11111111-2222-4333-8444-555555555555';

/** For tests: what is asked of an API server, as `METHOD path`, with its query and body. */
export interface Asked {
  readonly what: string;
  readonly query: URLSearchParams;
  readonly body: JsonObject | null;
}

export type Answer = { readonly status: number; readonly body: unknown } | undefined;

/** For tests: an API server that answers as told; a cluster's identity and tokens are always there. */
export class FakeCluster {
  readonly asked: Asked[] = [];
  readonly #answer: (asked: Asked) => Answer;

  constructor(answer: (asked: Asked) => Answer) {
    this.#answer = answer;
  }

  /** What was asked of the server, but for identity and tokens. */
  get writes(): readonly Asked[] {
    return this.asked.filter(({ what }) => !what.startsWith('GET ') && !what.endsWith('/token'));
  }

  session(action: string, input: JsonObject, over: JsonObject = {}): ToolSession {
    const settings = { clusters: { main: { ...section, namespaces: '*', ...over } } };
    const egressHttp: EgressHttp = {
      request: ({ method, url, body }) => {
        const { pathname, searchParams } = new URL(url);
        const asked = {
          what: `${method} ${pathname}`,
          query: searchParams,
          body: body === undefined ? null : (JSON.parse(body) as JsonObject),
        };
        this.asked.push(asked);
        const { status, body: answer } = this.#answer(asked) ?? always(asked) ?? missing;
        const text = typeof answer === 'string' ? answer : JSON.stringify(answer);
        return Promise.resolve({ status, headers: {}, body: text, truncated: false, durationMs: 1 });
      },
    };
    return sessionOf(kubectl, settings, action, { cluster: 'main', ...input }, { egressHttp });
  }

  async call(action: string, input: JsonObject, over: JsonObject = {}): Promise<JsonObject> {
    return (await this.session(action, input, over).run()) as JsonObject;
  }
}

/** For tests: an answer that refuses. */
export function refusal(status: number, reason: string, message = 'no'): Answer {
  return { status, body: { kind: 'Status', reason, message } };
}

const missing = {
  status: 404,
  body: { kind: 'Status', reason: 'NotFound', message: 'things "x" not found' },
};

function always({ what }: Asked): Answer {
  if (what === 'GET /api/v1/namespaces/kube-system') return { status: 200, body: { metadata: { uid: UID } } };
  if (what.endsWith('/writer/token')) return { status: 201, body: { status: { token: 'minted' } } };
  return undefined;
}

/** For tests: a Deployment `shop/web`. */
export function deployment(
  over: { spec?: object; metadata?: object; status?: object } = {},
): Readonly<Record<string, unknown>> {
  const template = {
    metadata: { labels: { app: 'web' } },
    spec: { containers: [{ name: 'web', image: 'web:1' }] },
  };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      name: 'web',
      namespace: 'shop',
      uid: OBJECT_UID,
      resourceVersion: '7',
      generation: 3,
      ...over.metadata,
    },
    spec: { replicas: 2, template, ...over.spec },
    status: { observedGeneration: 3, ...over.status },
  };
}
