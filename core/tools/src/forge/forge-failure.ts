import { AppError } from '@carapulse/kernel';
import { z } from 'zod';
import type { HttpResult } from '../egress-http.ts';
import type { ForgeInstance } from './forge-settings.ts';

export type ForgeAnswer = Pick<HttpResult, 'status' | 'headers' | 'body' | 'truncated'>;

/** What GitHub asks to wait at least when it gives no time. */
const LIMITED_MS = 60_000;

const Said = z.object({
  message: z.unknown().optional(),
  errors: z.array(z.unknown()).optional(),
  error: z.string().optional(),
  error_description: z.string().optional(),
});

/**
 * What a forge refused or failed at, with its own words. Both limits of GitHub and that of GitLab are `throttled`, with
 * the time that they ask for. `effect: 'none'` is claimed for refusals only.
 */
export function forgeFailure(forge: ForgeInstance, answer: ForgeAnswer): AppError {
  const { status } = answer;
  const message = messageOf(answer.body);
  const limited = isLimit(answer, message);
  const failedThere = status === 408 || status >= 500;
  return new AppError(
    'tool_failed',
    `${forge.where} answered ${status}: ${message || 'no message'}${adviceFor(forge, status, limited)}`,
    {
      retryable: limited || failedThere,
      ...(limited ? { retryAfterMs: waitMs(answer.headers) } : {}),
      details: {
        class: limited ? 'throttled' : classOf(status),
        status,
        ...(failedThere ? {} : { effect: 'none' }),
      },
    },
  );
}

function classOf(status: number): 'conflict' | 'transient' | 'permanent' {
  if (status === 409) return 'conflict';
  return status === 408 || status >= 500 ? 'transient' : 'permanent';
}

function isLimit({ status, headers }: ForgeAnswer, message: string): boolean {
  if (status === 429) return true;
  if (status !== 403) return false;
  const told = headers['retry-after'] !== undefined || headers['x-ratelimit-remaining'] === '0';
  return told || /rate limit/i.test(message);
}

/** `Retry-After`, else the reset of the limit by the server's own clock. */
function waitMs(headers: ForgeAnswer['headers']): number {
  const after = Number(headers['retry-after'] ?? Number.NaN);
  if (Number.isInteger(after) && after >= 0) return after * 1000;
  const reset = Number(headers['x-ratelimit-reset'] ?? headers['ratelimit-reset'] ?? Number.NaN) * 1000;
  const wait = reset - Date.parse(headers['date'] ?? '');
  return Number.isFinite(wait) && wait > 0 ? wait : LIMITED_MS;
}

function adviceFor(forge: ForgeInstance, status: number, limited: boolean): string {
  if (limited) return '';
  if (status === 401) return `. Renew ${forge.where}.token.`;
  if (status === 403) return `. Give ${forge.where}.token the right to it.`;
  return status === 404 ? '. What the token may not see is answered so too.' : '';
}

/** One line of what it says: GitHub's message with its errors, GitLab's texts, lists and objects of them. */
function messageOf(body: string): string {
  const texts: string[] = [];
  const parsed = Said.safeParse(jsonOrNull(body));
  if (!parsed.success) texts.push(body);
  else {
    const { message, errors = [], error, error_description: description } = parsed.data;
    collect(message, texts);
    for (const fault of errors) collect(fault, texts);
    collect(error, texts);
    collect(description, texts);
  }
  return texts
    .join('; ')
    .replaceAll(/[\p{Cc}\s]+/gu, ' ')
    .trim()
    .slice(0, 400);
}

function collect(said: unknown, texts: string[]): void {
  if (typeof said === 'string') texts.push(said);
  else if (Array.isArray(said)) for (const each of said) collect(each, texts);
  else if (typeof said === 'object' && said !== null) {
    for (const [name, value] of Object.entries(said)) {
      const inner: string[] = [];
      collect(value, inner);
      if (inner.length > 0) texts.push(`${name} ${inner.join(', ')}`);
    }
  }
}

function jsonOrNull(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}
