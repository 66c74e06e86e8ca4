import { answerJson } from '../http-connector.ts';
import type { HttpRequestSpec } from '../egress-http.ts';
import { z } from 'zod';
import { forgeFailure } from './forge-failure.ts';
import type { ForgeAnswer } from './forge-failure.ts';
import type { ForgeInstance } from './forge-settings.ts';

export type Query = ReadonlyArray<readonly [name: string, value: string]>;

export interface ForgeRequest {
  readonly method: HttpRequestSpec['method'];
  /** Below the URL of the instance, its parts encoded. */
  readonly path: string;
  readonly query?: Query;
  readonly json?: object;
}

/** Sends one request, by whichever transport; every status is an answer. */
export type ForgeSend = (request: ForgeRequest) => Promise<ForgeAnswer>;

export interface Listed {
  readonly items: readonly unknown[];
  /** False when there is more than was read. */
  readonly complete: boolean;
}

/** The API of one forge. @throws AppError `tool_failed` from `forgeFailure`. */
export interface ForgeApi {
  get(path: string, query?: Query): Promise<unknown>;
  write(method: 'POST' | 'PUT' | 'PATCH', path: string, json: object): Promise<unknown>;
  /** All pages of a list, up to a thousand items; `itemsOf` finds them in a page. */
  list(path: string, query: Query, itemsOf?: (page: unknown) => readonly unknown[]): Promise<Listed>;
}

const wholePage = (page: unknown): readonly unknown[] => z.array(z.unknown()).parse(page);

const PER_PAGE = 100;
const MAX_PAGES = 10;

export function forgeApi(forge: ForgeInstance, send: ForgeSend): ForgeApi {
  const answered = async (request: ForgeRequest): Promise<ForgeAnswer> => {
    const answer = await send(request);
    if (answer.status < 200 || answer.status > 299) throw forgeFailure(forge, answer);
    return answer;
  };
  const json = (answer: ForgeAnswer): unknown => answerJson(forge.where, { ...answer, durationMs: 0 });
  return {
    get: async (path, query = []) => json(await answered({ method: 'GET', path, query })),
    write: async (method, path, body) => json(await answered({ method, path, json: body })),
    list: async (path, query, itemsOf = wholePage) => {
      const items: unknown[] = [];
      for (let page = 1; page <= MAX_PAGES; page += 1) {
        const paged: Query = [...query, ['per_page', String(PER_PAGE)], ['page', String(page)]];
        const answer = await answered({ method: 'GET', path, query: paged });
        items.push(...itemsOf(json(answer)));
        // The next page is asked for by its number: an address in an answer is not followed.
        if (!/;\s*rel="?next"?/i.test(answer.headers['link'] ?? '')) return { items, complete: true };
      }
      return { items, complete: false };
    },
  };
}
