/**
 * The procedures of one service over HTTP. Owner: the service's composition. Boundary: one listening socket.
 * 1. Host, then credential, before a body is read; only health, readiness and metrics need no credential.
 * 2. A caller that has gone aborts its call; so does closing, when draining has taken too long.
 * 3. While it drains it begins nothing, and says so with `draining`: nothing happened.
 * 4. A caller hears something of a running call every two seconds (102 Processing, or a ping), or it has lost us.
 */
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import { procedurePath, toRpcProblem, type Procedure } from '@carapulse/contract';
import {
  AppError,
  assertShallow,
  parseInput,
  toAppError,
  type JsonObject,
  type Logger,
} from '@carapulse/kernel';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { carriesCredential } from './credential.ts';
import { listenOnSocket } from './listen-on-socket.ts';

/** Far less than `SILENCE_MS` of the other side. */
const SIGN_OF_LIFE_MS = 2000;
/** Longer than a router needs to read back what an ended write has left. */
const ENDING_MS = 20_000;
const LOOPBACK = ['127.0.0.1', 'localhost', '::1', '[::1]'];

export interface RpcCall {
  /** Aborts when the caller has gone or the service closes. */
  readonly signal: AbortSignal;
  /** For streams: writes one frame, and waits where the caller reads slowly. */
  readonly send: (frame: JsonObject) => Promise<void>;
}

/** A procedure with what carries it out. `serve` makes one soundly. */
export interface Served {
  readonly procedure: Procedure;
  readonly handle: (input: unknown, call: RpcCall) => Promise<unknown>;
  /** Ends a stream that failed. */
  readonly lastFrame?: (problem: JsonObject) => JsonObject;
  /** It belongs to calls that were begun before, so it is served until they have ended. */
  readonly whileDraining?: boolean;
}

/** Binds a procedure to its handler; the input is parsed before. */
export function serve<Input, Output>(
  procedure: Procedure<Input, Output>,
  handle: (input: Input, call: RpcCall) => Promise<Output | void>,
  options: Pick<Served, 'lastFrame' | 'whileDraining'> = {},
): Served {
  // Sound because the server only passes what the procedure's own schema gave.
  return { procedure, handle, ...options } as unknown as Served;
}

export interface RpcServerOptions {
  readonly served: readonly Served[];
  /** SHA-256 of the credential that callers carry, in hex. */
  readonly credentialDigest: string;
  readonly maxBodyBytes: number;
  readonly readiness: () => Promise<readonly { name: string; ok: boolean; detail: string }[]>;
  readonly metrics: {
    observe(route: string, method: string, status: number, durationMs: number): void;
    text(): Promise<string>;
  };
  readonly redact: {
    readonly text: (text: string) => string;
    readonly json: (value: JsonObject) => JsonObject;
  };
  readonly requestId: () => string;
  /** How often a caller hears something of its running call. */
  readonly signOfLifeMs?: number;
  readonly logger: Pick<Logger, 'error'>;
}

export interface RpcServer {
  /** @returns the address it answers on. @throws AppError `invalid_input`, `conflict` when the place is taken. */
  listen(at: { readonly host: string; readonly port: number } | { readonly socket: string }): Promise<string>;
  /** Lets running calls end for so long, aborts those that haven't, waits for them (20 s at most), and closes. */
  close(drainMs: number): Promise<void>;
}

export function createRpcServer(options: RpcServerOptions): RpcServer {
  const app = Fastify({
    logger: false,
    bodyLimit: options.maxBodyBytes,
    requestTimeout: 60_000,
    onProtoPoisoning: 'error',
    onConstructorPoisoning: 'error',
    forceCloseConnections: true,
    genReqId: options.requestId,
    routerOptions: { maxParamLength: 200 },
  });
  const running = new Set<Promise<unknown>>();
  const closing = new AbortController();
  let draining = false;
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id);
    assertLocalName(request.headers.host);
  });
  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'unknown';
    options.metrics.observe(route, request.method, reply.statusCode, reply.elapsedTime);
  });
  app.setErrorHandler((error, request, reply) => sendProblem(clientFault(error), request, reply, options));
  app.setNotFoundHandler((request, reply) => {
    const detail = `There is nothing at ${request.method} ${request.url.slice(0, 200)}.`;
    return sendProblem(new AppError('not_found', detail), request, reply, options);
  });
  app.get('/healthz', async () => ({ status: 'ok' }));
  app.get('/readyz', async (_request, reply) => {
    const checks = [...(await options.readiness()), ...(draining ? [DRAINING] : [])];
    const ready = checks.every((check) => check.ok);
    return reply.code(ready ? 200 : 503).send({ ready, checks });
  });
  app.get('/metrics', async (_request, reply) =>
    reply.type('text/plain; version=0.0.4').send(await options.metrics.text()),
  );
  for (const each of options.served) {
    app.post(procedurePath(each.procedure.name), {
      onRequest: async (request) => {
        if (!carriesCredential(request.headers.authorization, options.credentialDigest)) {
          throw new AppError('unauthenticated', 'The service credential is missing or another one.');
        }
        if (draining && each.whileDraining !== true) throw drainingError();
      },
      handler: (request, reply) => {
        const work = carryOut(each, request, reply, closing.signal, options);
        running.add(work);
        return work.finally(() => running.delete(work));
      },
    });
  }
  return {
    listen: (at) => listen(app, at),
    close: async (drainMs) => {
      draining = true;
      const late = Promise.withResolvers<void>();
      const timers = [
        setTimeout(() => closing.abort(drainingError()), drainMs),
        setTimeout(late.resolve, drainMs + ENDING_MS),
      ];
      await Promise.race([Promise.allSettled(running), late.promise]);
      for (const timer of timers) clearTimeout(timer);
      closing.abort(drainingError());
      await app.close();
    },
  };
}

const DRAINING = { name: 'draining', ok: false, detail: 'it is about to end and begins nothing' };

function drainingError(): AppError {
  return new AppError('unavailable', 'The service is about to end; ask again.', {
    retryable: true,
    retryAfterMs: 500,
    details: { reason: 'draining', effect: 'none' },
  });
}

async function carryOut(
  { procedure, handle, lastFrame }: Served,
  request: FastifyRequest,
  reply: FastifyReply,
  closing: AbortSignal,
  options: RpcServerOptions,
): Promise<unknown> {
  assertShallow(request.body);
  const input = parseInput(procedure.input, request.body, `The input of ${procedure.name}`);
  const gone = new AbortController();
  reply.raw.on('close', () => {
    if (!reply.raw.writableFinished) gone.abort();
  });
  const signal = AbortSignal.any([gone.signal, closing]);
  const { signOfLifeMs = SIGN_OF_LIFE_MS } = options;
  if (procedure.kind === 'unary') {
    const timer = setInterval(() => reply.raw.writeProcessing(), signOfLifeMs);
    try {
      return await handle(input, { signal, send: () => Promise.resolve() });
    } finally {
      clearInterval(timer);
    }
  }
  const send = (frame: JsonObject): Promise<void> => writeFrame(reply.raw, frame, gone.signal);
  reply.hijack();
  reply.raw.writeHead(200, {
    'content-type': 'application/x-ndjson',
    'cache-control': 'no-store',
    'x-request-id': request.id,
  });
  reply.raw.flushHeaders();
  const timer = setInterval(() => {
    // A caller that doesn't read has enough to read.
    if (!reply.raw.writableNeedDrain) void send({ kind: 'ping' }).catch(() => {});
  }, signOfLifeMs);
  try {
    await handle(input, { signal, send });
  } catch (error) {
    const problem = toRpcProblem(error, request.id, options.redact);
    if (lastFrame !== undefined) await send(lastFrame(problem as unknown as JsonObject)).catch(() => {});
  } finally {
    clearInterval(timer);
    reply.raw.end();
  }
  return reply;
}

async function writeFrame(raw: ServerResponse, frame: JsonObject, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  if (!raw.write(`${JSON.stringify(frame)}\n`)) await once(raw, 'drain', { signal });
}

async function listen(app: FastifyInstance, at: Parameters<RpcServer['listen']>[0]): Promise<string> {
  try {
    if ('socket' in at) {
      await listenOnSocket(app, at.socket);
      return `unix:${at.socket}`;
    }
    if (!LOOPBACK.includes(at.host)) {
      throw new AppError(
        'invalid_input',
        `${at.host} is not this machine's loopback: services of one installation speak to each other on 127.0.0.1 only.`,
      );
    }
    await app.listen(at);
    const address = app.server.address();
    const port = typeof address === 'object' && address !== null ? address.port : at.port;
    return `http://${isIP(at.host) === 6 ? `[${at.host}]` : at.host}:${port}`;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (error instanceof AppError || code === undefined) throw error;
    const place = 'socket' in at ? at.socket : `${at.host}:${at.port}`;
    if (code === 'EADDRINUSE')
      throw new AppError('conflict', `${place} is taken; end what listens there, or choose another.`, {
        cause: error,
      });
    const hint =
      'socket' in at ? 'its directory must be there, and its path short (about 100 bytes)' : 'choose another';
    throw new AppError('invalid_input', `It cannot listen on ${place} (${code}): ${hint}.`, { cause: error });
  }
}

/** A page in a browser of this machine that was led here by a name of its own is refused. */
function assertLocalName(header: string | undefined): void {
  if (LOOPBACK.includes((header ?? '').toLowerCase().replace(/:\d{1,5}$/, ''))) return;
  throw new AppError('forbidden', 'This address answers only to its own local name.', {
    details: { reason: 'host_not_allowed' },
  });
}

/** Fastify's own refusals of a request, before any handler ran; anything else stays what it is. */
function clientFault(error: unknown): unknown {
  if (error instanceof AppError || typeof error !== 'object' || error === null) return error;
  const { statusCode } = error as { readonly statusCode?: unknown };
  if (typeof statusCode !== 'number' || statusCode < 400 || statusCode >= 500) return error;
  const code = statusCode === 413 ? 'payload_too_large' : 'invalid_input';
  return new AppError(code, toAppError(error).message);
}

function sendProblem(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  options: RpcServerOptions,
): FastifyReply {
  const problem = toRpcProblem(error, request.id, options.redact);
  if (problem.unexpected) {
    const cause = error instanceof Error ? (error.stack ?? error.message) : String(error);
    options.logger.error('a call failed unexpectedly', { request_id: request.id, cause });
  }
  return reply.code(problem.status).type('application/problem+json').send(JSON.stringify(problem));
}
