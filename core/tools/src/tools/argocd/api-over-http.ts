import { answerJson, instanceRequest } from '../../http-connector.ts';
import type { InstanceRequest } from '../../http-connector.ts';
import { KEY_INFO } from './application.ts';
import { argocdFailure, tokenOf } from './argocd-api.ts';
import type { ArgocdApi, Runtime } from './argocd-api.ts';
import type { Instance } from './argocd-settings.ts';

/**
 * One call of the API, version 1.
 * @throws AppError from `argocdFailure`.
 */
export async function callArgocd(
  runtime: Runtime,
  instance: Instance,
  request: InstanceRequest,
  access: 'read' | 'write' = 'read',
): Promise<unknown> {
  const { name, url, egress, ca } = instance;
  const headers = { authorization: `Bearer ${tokenOf(instance, access)}` };
  const spec = instanceRequest({ instances: { [name]: { url, egress, headers } } }, name, request);
  const answer = await runtime.http({ ...spec, ...(ca === undefined ? {} : { tls: { ca } }) });
  if (answer.status >= 200 && answer.status <= 299) return answerJson(`Argo CD ${name}`, answer);
  throw argocdFailure(instance, answer);
}

/** The API by HTTP. */
export function apiOverHttp(runtime: Runtime, instance: Instance): ArgocdApi {
  return {
    get: ({ project, app }, refresh) =>
      callArgocd(runtime, instance, {
        method: 'GET',
        path: pathOf(app),
        query: [['project', project], ...(refresh === 'none' ? [] : [['refresh', refresh] as const])],
      }),
    sync: async ({ project, app, revision, prune, key }) => {
      const infos = [{ name: KEY_INFO, value: key }];
      const json = { project, revision, prune, dryRun: false, infos };
      await callArgocd(runtime, instance, { method: 'POST', path: pathOf(app, '/sync'), json }, 'write');
    },
  };
}

export function pathOf(app: string, below = ''): string {
  return `/api/v1/applications/${encodeURIComponent(app)}${below}`;
}
