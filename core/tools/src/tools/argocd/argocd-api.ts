import { AppError } from '@carapulse/kernel';
import { z } from 'zod';
import type { HttpResult } from '../../egress-http.ts';
import { answerError } from '../../http-connector.ts';
import type { ToolRuntime } from '../../tool-definition.ts';
import { Application, namespacesOf } from './application.ts';
import { assertNamespacesListed } from './argocd-settings.ts';
import type { ArgocdSettings, Instance } from './argocd-settings.ts';

export type Runtime = ToolRuntime<ArgocdSettings>;

/** An application by its address. */
export interface Located {
  readonly instance: string;
  readonly project: string;
  readonly app: string;
}

export type Refresh = 'none' | 'normal' | 'hard';

/** A sync that is asked for; `key` goes into the operation's information. */
export interface SyncRequest {
  readonly project: string;
  readonly app: string;
  readonly revision: string;
  readonly prune: boolean;
  readonly key: string;
}

/**
 * One Argo CD. Each way to speak to it gives the same answers and the same errors, from `argocdFailure`; a sync is asked
 * for with the token that writes.
 */
export interface ArgocdApi {
  /** The Application as JSON. */
  get(at: Pick<Located, 'project' | 'app'>, refresh: Refresh): Promise<unknown>;
  sync(request: SyncRequest): Promise<void>;
}

const Failure = z.object({ message: z.string().default('') });

/** The token for it. @throws AppError `forbidden` (`write_token_missing`). */
export function tokenOf({ where, token, write_token }: Instance, access: 'read' | 'write'): string {
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
  api: ArgocdApi,
  instance: Instance,
  { project, app }: Located,
  refresh: Refresh = 'none',
): Promise<Application> {
  const found = Application.parse(await api.get({ project, app }, refresh));
  if (found.spec.project !== project) throw missing(instance, `${app} in project ${project}`);
  assertNamespacesListed(instance, namespacesOf(found));
  return found;
}

/**
 * The error of an answer that is no success: `not_found` (`app_missing`), `forbidden` (`token_refused`), or
 * `tool_failed`, classed for retries.
 */
export function argocdFailure(instance: Instance, answer: HttpResult): AppError {
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
