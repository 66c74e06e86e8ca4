import { APP_ERROR_CODES, AppError, type AppErrorCode } from '@carapulse/kernel';
import { OPERATIONS, type Api } from './generated/api.ts';

type Given<T> = T extends undefined ? unknown : T;
/** What a call takes: path parameters and body where the endpoint has them, the query where there is one. */
export type CallInput<Id extends keyof Api> = (Api[Id]['params'] extends undefined
  ? unknown
  : { readonly params: Api[Id]['params'] }) &
  (Api[Id]['body'] extends undefined ? unknown : { readonly body: Api[Id]['body'] }) & {
    readonly query?: Given<Api[Id]['query']>;
    /** Same key, same reply; for writes that are sent again after a lost answer. */
    readonly idempotencyKey?: string;
    readonly ifMatch?: string;
    readonly signal?: AbortSignal;
    /** How long the answer may take, in place of the client's own limit. */
    readonly timeoutMs?: number;
  };

export interface CallResult<Id extends keyof Api> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Api[Id]['response'];
}

export interface ClientOptions {
  readonly baseUrl: string;
  /** Asked before each request, so that a renewed token is used. */
  readonly token: () => Promise<string>;
  readonly fetch?: typeof fetch;
  /** How long an answer may take: half a minute without it. */
  readonly timeoutMs?: number;
}

/** The typed client: one method an endpoint. Failures are AppErrors with the server's code and message. */
export interface Client {
  call<Id extends keyof Api>(id: Id, input: CallInput<Id>): Promise<CallResult<Id>>;
  /** The raw response of a streaming endpoint, without a time limit. @throws AppError as `call` does. */
  stream(
    id: 'streamLogs',
    input: {
      readonly params: Api['streamLogs']['params'];
      readonly lastEventId?: string;
      readonly signal?: AbortSignal;
    },
  ): Promise<Response>;
}

export function createClient(options: ClientOptions): Client {
  const send = async (
    id: keyof Api,
    input: Loose,
    headers: Record<string, string>,
    signal: AbortSignal | undefined,
  ): Promise<Response> => {
    const { method, path } = OPERATIONS[id];
    const url = new URL(fill(path, input.params ?? {}), options.baseUrl);
    for (const [name, value] of Object.entries(input.query ?? {}))
      if (value !== undefined) url.searchParams.set(name, String(value));
    const response = await reach(options, url, {
      method,
      headers: { authorization: `Bearer ${await options.token()}`, ...headers },
      ...(signal && { signal }),
      ...(input.body !== undefined && { body: JSON.stringify(input.body) }),
    });
    if (!response.ok && response.status !== 304) throw await failure(response, id);
    return response;
  };
  return {
    call: async (id, input) => {
      const loose: Loose = input;
      const limit = AbortSignal.timeout(loose.timeoutMs ?? options.timeoutMs ?? 30_000);
      const response = await send(
        id,
        loose,
        {
          accept: 'application/json',
          ...(loose.body !== undefined && { 'content-type': 'application/json' }),
          ...(loose.idempotencyKey !== undefined && { 'idempotency-key': loose.idempotencyKey }),
          ...(loose.ifMatch !== undefined && { 'if-match': loose.ifMatch }),
        },
        loose.signal === undefined ? limit : AbortSignal.any([loose.signal, limit]),
      );
      const text = await response.text();
      const json = /\bjson\b/.test(response.headers.get('content-type') ?? '');
      // The server's contract and these types come from one document.
      return {
        status: response.status,
        headers: response.headers,
        body: (json ? JSON.parse(text) : text) as never,
      };
    },
    stream: (id, input) =>
      send(
        id,
        input,
        {
          accept: 'text/event-stream',
          ...(input.lastEventId !== undefined && { 'last-event-id': input.lastEventId }),
        },
        input.signal,
      ),
  };
}

interface Loose {
  readonly params?: Readonly<Record<string, unknown>>;
  readonly query?: unknown;
  readonly body?: unknown;
  readonly idempotencyKey?: string;
  readonly ifMatch?: string;
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
}

function fill(path: string, params: Readonly<Record<string, unknown>>): string {
  return path.replaceAll(/\{(\w+)\}/g, (_match, name: string) => encodeURIComponent(String(params[name])));
}

async function reach(options: ClientOptions, url: URL, init: RequestInit): Promise<Response> {
  try {
    return await (options.fetch ?? fetch)(url, init);
  } catch (error) {
    const { name, cause } = error as { readonly name?: string; readonly cause?: { readonly code?: string } };
    if (name === 'TimeoutError' || cause?.code === 'UND_ERR_HEADERS_TIMEOUT')
      throw new AppError('timeout', `${url.origin} did not answer in time.`, {
        cause: error,
        retryable: true,
      });
    if (name === 'AbortError')
      throw new AppError('cancelled', 'The request was cancelled.', { cause: error });
    throw new AppError(
      'unavailable',
      `${url.origin} cannot be reached (${cause?.code ?? String(error)}); is \`carapulse up\` running?`,
      { cause: error, retryable: true },
    );
  }
}

async function failure(response: Response, id: string): Promise<AppError> {
  const text = await response.text();
  const problem = parseProblem(text);
  if (problem === null)
    return new AppError(
      'unavailable',
      `${id} was answered with ${response.status} by something that is not Carapulse.`,
    );
  const retryAfter = Number(response.headers.get('retry-after') ?? Number.NaN);
  return new AppError(problem.code, problem.detail, {
    retryable: problem.retryable,
    errors: problem.errors,
    details: {
      status: response.status,
      request_id: problem.request_id,
      ...(problem.reason !== undefined && { reason: problem.reason }),
    },
    ...(Number.isFinite(retryAfter) && { retryAfterMs: retryAfter * 1000 }),
  });
}

interface Problem {
  readonly code: AppErrorCode;
  readonly detail: string;
  readonly retryable: boolean;
  readonly request_id: string;
  readonly reason?: string;
  readonly errors: ReadonlyArray<{ readonly pointer: string; readonly detail: string }>;
}

function parseProblem(text: string): Problem | null {
  try {
    const value = JSON.parse(text) as Problem;
    return (APP_ERROR_CODES as readonly string[]).includes(value.code) && typeof value.detail === 'string'
      ? value
      : null;
  } catch {
    return null;
  }
}
