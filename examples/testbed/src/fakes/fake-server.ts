// Owner: a test or a demo. Boundary: one HTTP server on loopback that plays somebody's API from memory.
// 1. Every request is kept, also one that a fault answered.
// 2. A fault is used up as often as it says, the first that fits first.
// 3. When stop() has resolved, nobody is answered any more.
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';

export interface FakeRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string>>;
  /** What the body says as JSON; an empty object when there is none. */
  readonly body: Readonly<Record<string, unknown>>;
}

export interface FakeReply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** A text is sent as it is, all else as JSON; nothing when absent. */
  readonly body?: unknown;
}

/** What goes wrong with requests. */
export interface Fault {
  /** Which requests; any when absent. */
  readonly on?: (request: FakeRequest) => boolean;
  /** How often; once when absent. */
  readonly times?: number;
  /** How much later the answer comes. */
  readonly delayMs?: number;
  /** `refuse` changes nothing on the server, `lose` lets the request take effect before its answer is replaced. */
  readonly how: 'slow' | 'refuse' | 'lose' | 'hang up';
  /** The answer of `refuse` and `lose`; without one the connection is closed. */
  readonly reply?: FakeReply;
}

export interface FakeServer {
  /** `http://127.0.0.1:port`. */
  readonly url: string;
  readonly requests: readonly FakeRequest[];
  readonly fail: (fault: Fault) => void;
  readonly stop: () => Promise<void>;
}

export type Handler = (request: FakeRequest, parts: readonly string[]) => FakeReply;
/** A method, a path whose groups are the parts, and what answers. */
export type Route = readonly [method: string, path: RegExp, handler: Handler];

export interface FakeApi {
  /** An answer before any route is looked for, such as that of a missing token. */
  readonly guard: (request: FakeRequest) => FakeReply | null;
  readonly routes: readonly Route[];
  readonly notFound: FakeReply;
  /** Headers of every answer. */
  readonly headers?: () => Readonly<Record<string, string>>;
}

export async function startFakeServer(api: FakeApi): Promise<FakeServer> {
  const requests: FakeRequest[] = [];
  const faults: { fault: Fault; left: number }[] = [];
  const closing = new AbortController();
  const take = (request: FakeRequest): Fault | undefined => {
    const found = faults.find(({ fault, left }) => left > 0 && (fault.on?.(request) ?? true));
    if (found !== undefined) found.left -= 1;
    return found?.fault;
  };
  const server = createServer((incoming, response) => {
    serve(incoming, response).catch(() => response.destroy());
  });
  async function serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const request = await requestOf(incoming);
    requests.push(request);
    const fault = take(request);
    if (fault?.delayMs !== undefined) await delay(fault.delayMs, undefined, { signal: closing.signal });
    const refused = fault?.how === 'refuse' || fault?.how === 'hang up';
    const answered = refused ? undefined : answerOf(api, request);
    const reply = fault === undefined || fault.how === 'slow' ? answered : fault.reply;
    if (reply === undefined || fault?.how === 'hang up') response.destroy();
    else send(response, reply, api.headers?.() ?? {});
  }
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    fail: (fault) => faults.push({ fault, left: fault.times ?? 1 }),
    stop: async () => {
      closing.abort();
      if (!server.listening) return;
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function answerOf(api: FakeApi, request: FakeRequest): FakeReply {
  const guarded = api.guard(request);
  if (guarded !== null) return guarded;
  for (const [method, path, handler] of api.routes) {
    const match = path.exec(request.path);
    if (method === request.method && match !== null)
      return handler(request, match.slice(1).map(decodeURIComponent));
  }
  return api.notFound;
}

async function requestOf(incoming: IncomingMessage): Promise<FakeRequest> {
  const url = new URL(incoming.url ?? '/', 'http://fake');
  const parsed: unknown = await json(incoming).catch(() => ({}));
  return {
    method: incoming.method ?? 'GET',
    path: url.pathname,
    query: url.searchParams,
    headers: Object.fromEntries(
      Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]),
    ),
    body: typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : {},
  };
}

function send(response: ServerResponse, reply: FakeReply, common: Readonly<Record<string, string>>): void {
  const text = typeof reply.body === 'string';
  const type = text ? 'text/plain' : 'application/json; charset=utf-8';
  response.writeHead(reply.status, { 'content-type': type, ...common, ...reply.headers });
  if (reply.body === undefined) response.end();
  else response.end(text ? reply.body : JSON.stringify(reply.body));
}

/** A real repository behind a forge: what was pushed to it is noticed at the next request. */
export interface FakeOrigin {
  /** Commits by branch. */
  readonly tips: () => ReadonlyMap<string, string>;
  /** Whether a branch's history has a commit. */
  readonly holds: (branch: string, commit: string) => boolean;
}

/** Takes over the branches of the origin, and calls `merged` for each open request whose commit its target has. */
export function noticePushes<T>(
  origin: FakeOrigin | undefined,
  branches: Map<string, string>,
  open: readonly T[],
  {
    ends,
    merged,
  }: { readonly ends: (request: T) => [from: string, to: string]; merged: (request: T) => void },
): void {
  if (origin === undefined) return;
  // Of a branch that is gone a forge still knows where it was.
  for (const [branch, commit] of origin.tips()) branches.set(branch, commit);
  for (const request of open) {
    const [from, to] = ends(request);
    if (origin.holds(to, branches.get(from) ?? '')) merged(request);
  }
}

/** The token of `Authorization: Bearer …` or `token …`. */
export function bearerOf({ headers }: FakeRequest): string {
  return /^(?:Bearer|token) (\S+)$/i.exec(headers['authorization'] ?? '')?.[1] ?? '';
}

/** A text in a body, or an empty one. */
export function textIn(body: Readonly<Record<string, unknown>>, name: string): string {
  const value = body[name];
  return typeof value === 'string' ? value : '';
}

export interface Page<T> {
  readonly items: readonly T[];
  readonly page: number;
  readonly pages: number;
  readonly perPage: number;
  /** RFC 8288; absent when everything is on one page. */
  readonly link: Readonly<Record<string, string>>;
}

/** The page that `page` and `per_page` ask for. */
export function pageOf<T>(all: readonly T[], request: FakeRequest, base: string): Page<T> {
  const perPage = Math.min(100, Math.max(1, Number(request.query.get('per_page') ?? 30) || 30));
  const page = Math.max(1, Number(request.query.get('page') ?? 1) || 1);
  const pages = Math.max(1, Math.ceil(all.length / perPage));
  const to = (number: number, rel: string) => {
    const query = new URLSearchParams(request.query);
    query.set('page', String(number));
    return `<${base}${request.path}?${query.toString()}>; rel="${rel}"`;
  };
  const links = [
    ...(page > 1 ? [to(page - 1, 'prev'), to(1, 'first')] : []),
    ...(page < pages ? [to(page + 1, 'next'), to(pages, 'last')] : []),
  ];
  const items = all.slice((page - 1) * perPage, page * perPage);
  return { items, page, pages, perPage, link: links.length === 0 ? {} : { link: links.join(', ') } };
}
