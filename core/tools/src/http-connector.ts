import { AppError } from '@carapulse/kernel';
import { z } from 'zod';
import type { HttpRequestSpec, HttpResult } from './egress-http.ts';
import type { ToolRuntime } from './tool-definition.ts';

/** Base URL of a service: http or https, without credentials, query or fragment. */
export const BaseUrl = z
  .url({ protocol: /^https?$/ })
  .max(1000)
  .refine((url) => {
    const parsed = new URL(url);
    return parsed.username === '' && parsed.password === '' && parsed.search === '' && parsed.hash === '';
  }, 'a URL without credentials, query and fragment');

export const Addresses = z.enum(['public', 'private']).default('public');

/** Headers sent with every request; names and values cannot break out of their line. */
export const Headers = z.record(
  z.string().regex(/^[A-Za-z0-9-]{1,100}$/),
  z
    .string()
    .max(4000)
    .regex(/^[\x20-\x7e]*$/, 'printable ASCII'),
);

/** One instance of a service that speaks HTTP, as `connectors.<tool>.instances.<name>`. */
export const HttpInstance = z.strictObject({
  url: BaseUrl,
  egress: Addresses,
  headers: Headers.default({}),
});
export const InstanceName = z.string().regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, 'an instance of the connector');
export const InstanceSettings = z.strictObject({ instances: z.record(InstanceName, HttpInstance) });
export type InstanceSettings = z.infer<typeof InstanceSettings>;

/** A credential that goes into one header line. In the configuration it is a reference, such as `file:/path`. */
export const ServiceToken = z
  .string()
  .min(1)
  .max(10_000)
  .regex(/^[\x21-\x7e]+$/, 'printable ASCII without blanks');

/** One instance of a service that takes a token. */
export const TokenInstance = z.strictObject({ url: BaseUrl, egress: Addresses, token: ServiceToken });
export type TokenInstance = z.infer<typeof TokenInstance>;

/** @throws AppError `not_found` naming what there is. */
export function findNamed<T>(named: Readonly<Record<string, T>>, name: string, where: string): T {
  const found = Object.hasOwn(named, name) ? named[name] : undefined;
  if (found !== undefined) return found;
  const names = Object.keys(named).join(', ') || 'none';
  throw new AppError('not_found', `${where} has no ${name}; it has: ${names}.`, {
    details: { class: 'permanent', effect: 'none' },
  });
}

export function egressTo(url: string, addresses: 'public' | 'private'): HttpRequestSpec['egress'] {
  const { hostname, port, protocol } = new URL(url);
  const standard = protocol === 'https:' ? 443 : 80;
  return [{ host: hostname, port: port === '' ? standard : Number(port), addresses }];
}

/** `path` (already safe, with a leading slash) below a base URL, with query parameters encoded. */
export function urlBelow(
  baseUrl: string,
  path: string,
  query: ReadonlyArray<readonly [string, string]> = [],
): string {
  const url = new URL(`${baseUrl.replace(/\/+$/, '')}${path}`);
  for (const [name, value] of query) url.searchParams.append(name, value);
  return url.href;
}

export interface InstanceRequest {
  readonly method: HttpRequestSpec['method'];
  readonly path: string;
  readonly query?: ReadonlyArray<readonly [string, string]>;
  readonly form?: ReadonlyArray<readonly [string, string]>;
  readonly json?: unknown;
}

/** The request to an instance as data. */
export function instanceRequest(
  settings: InstanceSettings,
  instance: string,
  request: InstanceRequest,
): Parameters<ToolRuntime<unknown>['http']>[0] {
  const { url, egress, headers } = findNamed(settings.instances, instance, 'The connector');
  const content = contentOf(request);
  return {
    method: request.method,
    url: urlBelow(url, request.path, request.query),
    headers: {
      accept: 'application/json',
      ...headers,
      ...(content === null ? {} : { 'content-type': content.type }),
    },
    ...(content === null ? {} : { body: content.body }),
    egress: egressTo(url, egress),
  };
}

function contentOf(request: InstanceRequest): { readonly type: string; readonly body: string } | null {
  if (request.form !== undefined) {
    const form = new URLSearchParams();
    for (const [name, value] of request.form) form.append(name, value);
    return { type: 'application/x-www-form-urlencoded', body: form.toString() };
  }
  if (request.json === undefined) return null;
  return { type: 'application/json', body: JSON.stringify(request.json) };
}

/**
 * The error of an answer that is no success, classed for retries: 429 throttled, 408 and 5xx transient, else
 * permanent. `effect: 'none'` is claimed for a refusal only: after a 5xx a write may have happened.
 */
export function answerError(
  what: string,
  answer: HttpResult,
  message: string,
  details: object = {},
): AppError {
  const { status } = answer;
  const retryable = status === 429 || status === 408 || status >= 500;
  let kind = 'permanent';
  if (retryable) kind = status === 429 ? 'throttled' : 'transient';
  return new AppError('tool_failed', `${what} answered ${status}: ${message.slice(0, 500)}`, {
    retryable,
    ...(retryable ? retryAfter(answer) : {}),
    details: {
      ...details,
      class: kind,
      status,
      ...(status >= 500 || status === 408 ? {} : { effect: 'none' }),
    },
  });
}

/** The body as JSON. @throws AppError `tool_failed` when it is cut off or no JSON. */
export function answerJson(what: string, answer: HttpResult): unknown {
  if (answer.truncated) {
    throw new AppError('tool_failed', `${what} answered with more than is taken; ask for less.`, {
      details: { class: 'permanent', reason: 'answer_too_long' },
    });
  }
  try {
    return JSON.parse(answer.body) as unknown;
  } catch (error) {
    throw new AppError('tool_failed', `${what} answered ${answer.status} with what is no JSON.`, {
      cause: error,
      retryable: answer.status >= 500,
      details: { class: answer.status >= 500 ? 'transient' : 'permanent', reason: 'answer_no_json' },
    });
  }
}

function retryAfter(answer: HttpResult): { retryAfterMs?: number } {
  const seconds = Number(answer.headers['retry-after']);
  return Number.isInteger(seconds) && seconds >= 0 ? { retryAfterMs: seconds * 1000 } : {};
}
