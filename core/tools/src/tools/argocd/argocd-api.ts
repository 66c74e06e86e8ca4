import { AppError } from '@carapulse/kernel';
import { z } from 'zod';
import { answerError, answerJson, instanceRequest } from '../../http-connector.ts';
import type { InstanceRequest } from '../../http-connector.ts';
import type { HttpResult } from '../../egress-http.ts';
import type { ToolRuntime } from '../../tool-definition.ts';
import { Application } from './application.ts';
import { assertNamespacesListed } from './argocd-settings.ts';
import type { ArgocdSettings, Instance } from './argocd-settings.ts';
import { namespacesOf } from './application.ts';

export type Runtime = ToolRuntime<ArgocdSettings>;

/** An application by its address. */
export interface Located {
  readonly instance: string;
  readonly project: string;
  readonly app: string;
}

const Failure = z.object({ message: z.string().default('') });

/**
 * One call of the API, version 1.
 * @throws AppError `not_found` (`app_missing`), `forbidden` (`token_refused`), or `tool_failed`, classed for retries.
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
  throw failure(instance, answer);
}

/** @throws AppError `forbidden` (`write_token_missing`). */
function tokenOf({ where, token, write_token }: Instance, access: 'read' | 'write'): string {
  if (access === 'read') return token;
  if (write_token !== undefined) return write_token;
  throw new AppError(
    'forbidden',
    `${where} has no write_token, so nothing is synced. Set it to a token of an account that may sync.`,
    { details: { class: 'permanent', effect: 'none', reason: 'write_token_missing' } },
  );
}

/** The application as it is now, within the project that was said and the namespaces that are listed. */
export async function readApplication(
  runtime: Runtime,
  instance: Instance,
  { project, app }: Located,
  refresh: 'none' | 'normal' | 'hard' = 'none',
): Promise<Application> {
  const raw = await callArgocd(runtime, instance, {
    method: 'GET',
    path: pathOf(app),
    query: [['project', project], ...(refresh === 'none' ? [] : [['refresh', refresh] as const])],
  });
  const found = Application.parse(raw);
  if (found.spec.project !== project) throw missing(instance, `${app} in project ${project}`);
  assertNamespacesListed(instance, namespacesOf(found));
  return found;
}

export function pathOf(app: string, below = ''): string {
  return `/api/v1/applications/${encodeURIComponent(app)}${below}`;
}

function failure(instance: Instance, answer: HttpResult): AppError {
  const message = messageOf(answer);
  if (answer.status === 404) return missing(instance, message);
  if (answer.status === 401 || answer.status === 403) {
    return new AppError(
      'forbidden',
      `Argo CD ${instance.name} refused the token of ${instance.where} (${answer.status}: ${message.slice(0, 300)}). ` +
        `Either it has no such application, or the account lacks the right.`,
      { details: { class: 'permanent', effect: 'none', reason: 'token_refused', status: answer.status } },
    );
  }
  return answerError(`Argo CD ${instance.name}`, answer, message);
}

function missing(instance: Instance, what: string): AppError {
  return new AppError(
    'not_found',
    `Argo CD ${instance.name} has no such application: ${what.slice(0, 300)}.`,
    {
      details: { class: 'permanent', effect: 'none', reason: 'app_missing' },
    },
  );
}

function messageOf(answer: HttpResult): string {
  try {
    return Failure.parse(JSON.parse(answer.body)).message;
  } catch {
    return answer.body;
  }
}
