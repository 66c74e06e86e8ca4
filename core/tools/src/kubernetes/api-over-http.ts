import { z } from 'zod';
import { answerJson, urlBelow } from '../http-connector.ts';
import type { HttpRequestSpec, HttpResult } from '../egress-http.ts';
import type { ToolRuntime } from '../tool-definition.ts';
import { clusterEgress } from './cluster-settings.ts';
import type { Cluster } from './cluster-settings.ts';
import { apiFailure, FIELD_MANAGER } from './kubernetes-api.ts';
import type { KubernetesApi, Query } from './kubernetes-api.ts';
import { objectPath } from './kubernetes-kinds.ts';

export type HttpRuntime = Pick<ToolRuntime<unknown>, 'http'>;

const Status = z.object({ message: z.string().default(''), reason: z.string().default('') });

interface Send {
  readonly method: HttpRequestSpec['method'];
  readonly path: string;
  readonly query?: Query;
  readonly content?: { readonly type: string; readonly body: object };
  readonly accept?: string;
}

/** The API by HTTPS, with the cluster's own authority as the only one that is trusted. */
export function apiOverHttp(runtime: HttpRuntime, cluster: Cluster, token: string): KubernetesApi {
  const send = async (request: Send): Promise<HttpResult> => {
    const answer = await runtime.http({
      method: request.method,
      url: urlBelow(cluster.server, request.path, request.query),
      headers: {
        accept: request.accept ?? 'application/json',
        authorization: `Bearer ${token}`,
        ...(request.content === undefined ? {} : { 'content-type': request.content.type }),
      },
      ...(request.content === undefined ? {} : { body: JSON.stringify(request.content.body) }),
      egress: clusterEgress(cluster),
      tls: { ca: cluster.ca },
    });
    if (answer.status >= 200 && answer.status <= 299) return answer;
    throw apiFailure(cluster.name, { status: answer.status, ...statusOf(answer) });
  };
  const json = async (request: Send): Promise<unknown> =>
    answerJson(`Cluster ${cluster.name}`, await send(request));
  return {
    get: (path, query = []) => json({ method: 'GET', path, query }),
    text: async (path, query = []) => (await send({ method: 'GET', path, query, accept: '*/*' })).body,
    create: (path, body) =>
      json({ method: 'POST', path, query: manager, content: { type: 'application/json', body } }),
    patch: (object, body, { type, dryRun = false }) => {
      const kind = type === 'merge' ? 'merge-patch' : 'strategic-merge-patch';
      return json({
        method: 'PATCH',
        path: objectPath(object),
        query: [...manager, ...dry(dryRun)],
        content: { type: `application/${kind}+json`, body },
      });
    },
    apply: (object, body, { dryRun }) =>
      json({
        method: 'PATCH',
        path: objectPath(object),
        query: [...manager, ['fieldValidation', 'Strict'], ['force', 'false'], ...dry(dryRun)],
        // JSON is YAML.
        content: { type: 'application/apply-patch+yaml', body },
      }),
  };
}

const manager: Query = [['fieldManager', FIELD_MANAGER]];

function dry(dryRun: boolean): Query {
  return dryRun ? [['dryRun', 'All']] : [];
}

function statusOf(answer: HttpResult): { readonly reason: string; readonly message: string } {
  try {
    return Status.parse(JSON.parse(answer.body));
  } catch {
    return { reason: '', message: answer.body };
  }
}
