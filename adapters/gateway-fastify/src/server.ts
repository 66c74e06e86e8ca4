import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { PROBLEM_STATUS, ROUTES, type ReadinessView, type Route, type RouteId } from '@carapulse/contract';
import { hasPermission } from '@carapulse/governance';
import { AppError, newId, parseInput, type Actor, type JsonValue, type Role } from '@carapulse/kernel';
import type { OperationContext, Services } from '@carapulse/operations';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Handler } from './handler.ts';
import { HANDLERS } from './handlers.ts';
import { onceByKey, type Reply } from './idempotency.ts';
import { streamLogs } from './log-stream.ts';
import { createStreamSlots, type StreamSlots } from './stream-slots.ts';
import type { HttpMetrics } from './http-metrics.ts';
import { openApiDocument } from './openapi.ts';
import { problemReply } from './problem-reply.ts';
import { refuseBytes } from './refuse-bytes.ts';
import { readJsonBodies } from './json-body.ts';
import { createRateLimiter } from './rate-limiter.ts';

/** Who asks, and the instant from which the same token would be refused. */
interface Authenticated {
  readonly actor: Actor;
  readonly refusedFromMs: number;
}

export interface GatewayOptions {
  readonly services: Services;
  /** @throws AppError `unauthenticated`. */
  readonly verifyToken: (token: string) => Promise<Authenticated>;
  readonly readiness: () => Promise<ReadinessView['checks']>;
  readonly metrics: HttpMetrics;
  readonly redact: (text: string) => string;
  readonly maxBodyBytes: number;
  readonly rateLimits?: Readonly<Record<Role, number>>;
  /** Names that the Host header may have, lower case without port; null where a proxy in front checks it. */
  readonly allowedHosts: ReadonlySet<string> | null;
  readonly version: string;
}

/** Not counted against a principal's rate: probes, and alerts, which come in storms when it matters most. */
const UNLIMITED: ReadonlySet<RouteId> = new Set<RouteId>([
  'healthz',
  'readyz',
  'metrics',
  'openapi',
  'receiveAlerts',
]);

/**
 * The gateway. Every route: Host → token → permission → rate → parse → verb → reply. A route's permission is checked
 * here, so that nobody learns what a body should look like who may not send it, and again by the verb.
 */
export function createGateway(options: GatewayOptions): FastifyInstance {
  const { services } = options;
  const app = Fastify({
    logger: false,
    bodyLimit: options.maxBodyBytes,
    requestTimeout: 60_000,
    forceCloseConnections: 'idle',
    frameworkErrors: (error, request, reply) => {
      void sendProblem(error, request, reply.header('x-request-id', request.id), options);
    },
    clientErrorHandler: (error, socket) =>
      refuseBytes(error, socket, newId('request', services.clock, services.random)),
    genReqId: () => newId('request', services.clock, services.random),
    routerOptions: { maxParamLength: 500 },
  });
  readJsonBodies(app, ROUTES.receiveAlerts.path);
  const limiter = createRateLimiter(services.clock, options.rateLimits);
  const authenticated = new WeakMap<FastifyRequest, Authenticated>();
  const streams = createStreamSlots();
  const closing = new AbortController();
  app.addHook('preClose', async () => closing.abort());
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id);
    assertHost(request.raw, options.allowedHosts);
  });
  app.addHook('onResponse', async (request, reply) => {
    options.metrics.observe(
      request.routeOptions.url ?? 'unknown',
      request.method,
      reply.statusCode,
      reply.elapsedTime,
    );
  });
  app.setErrorHandler((error, request, reply) => sendProblem(error, request, reply, options));
  app.setNotFoundHandler((request, reply) =>
    sendProblem(
      new AppError(
        'not_found',
        `There is nothing at ${request.method} ${request.url.slice(0, 200)}; see /openapi.json.`,
      ),
      request,
      reply,
      options,
    ),
  );
  const document = openApiDocument(options.version);
  for (const route of Object.values<Route & { id: string }>(ROUTES)) {
    const id = route.id as RouteId;
    app.route({
      method: route.method,
      url: route.path.replaceAll(/\{(\w+)\}/g, ':$1'),
      exposeHeadRoute: false,
      // Before the body is read: a stranger's is not even parsed.
      onRequest: async (request, reply) => {
        const asker = await authenticate(request, route, options);
        const { actor } = asker;
        if (!hasPermission(actor, route.permission)) {
          throw new AppError(
            'forbidden',
            `${actor.id} lacks the permission ${route.permission}; an admin can grant a role that has it.`,
          );
        }
        if (!UNLIMITED.has(id)) {
          const rate = limiter.take(actor.id, actor.roles);
          reply.header('ratelimit', `"default";r=${rate.remaining};t=${Math.ceil(rate.resetMs / 1000)}`);
          reply.header('ratelimit-policy', `"default";q=${rate.limit};w=60`);
        }
        authenticated.set(request, asker);
      },
      handler: async (request, reply) => {
        const asker = authenticated.get(request);
        if (asker === undefined) throw new AppError('unauthenticated', 'Nobody was authenticated.');
        const context = contextOf(request, reply, asker.actor, services, closing.signal);
        if (id === 'streamLogs') return serveLogs(request, reply, context, asker.refusedFromMs, streams);
        if (id === 'healthz') return { status: 'ok' };
        if (id === 'readyz') return serveReadiness(reply, options);
        if (id === 'openapi') return document;
        if (id === 'metrics')
          return reply.type('text/plain; version=0.0.4').send(await options.metrics.text());
        return serveVerb(request, reply, context, route, HANDLERS[id]);
      },
    });
  }
  return app;
}

async function authenticate(
  request: FastifyRequest,
  route: Route,
  options: GatewayOptions,
): Promise<Authenticated> {
  const { authorization } = request.headers;
  const { tenantId } = options.services.settings;
  if (route.permission === 'public') {
    return {
      actor: {
        id: `anonymous:${request.ip}`,
        kind: 'human',
        tenant_id: tenantId,
        roles: ['anonymous'],
        groups: [],
        assurance: 'session',
      },
      refusedFromMs: Number.POSITIVE_INFINITY,
    };
  }
  const match = /^Bearer ([A-Za-z0-9._~+/=-]{1,8192})$/i.exec(authorization ?? '');
  if (match?.[1] === undefined) {
    throw new AppError(
      'unauthenticated',
      'Send `Authorization: Bearer <token>`; `assistantctl` does so by itself.',
    );
  }
  return options.verifyToken(match[1]);
}

function contextOf(
  request: FastifyRequest,
  reply: FastifyReply,
  actor: Actor,
  services: Services,
  closing: AbortSignal,
): OperationContext {
  const gone = new AbortController();
  reply.raw.on('close', () => {
    if (!reply.raw.writableFinished) gone.abort();
  });
  return { actor, requestId: request.id, signal: AbortSignal.any([gone.signal, closing]), services };
}

async function serveVerb(
  request: FastifyRequest,
  reply: FastifyReply,
  context: OperationContext,
  route: Route,
  handler: Handler<RouteId>,
): Promise<FastifyReply> {
  const parsed = {
    params: route.params === undefined ? undefined : parseInput(route.params, request.params, 'The path'),
    query: route.query === undefined ? undefined : parseInput(route.query, request.query, 'The query'),
    body: route.body === undefined ? undefined : parseInput(route.body, request.body, 'The body'),
  };
  await assertIfMatch(request, route, context);
  const work = async (onCommit?: OperationContext['onCommit']): Promise<Reply> => {
    const asked = { ...parsed, context: { ...context, ...(onCommit && { onCommit }) } };
    const handled = await handler(asked as Parameters<Handler<RouteId>>[0]);
    return { status: route.success.status, headers: handled.headers ?? {}, body: handled.body as JsonValue };
  };
  const key = request.headers['idempotency-key'];
  const answer =
    route.idempotency && typeof key === 'string'
      ? await onceByKey(
          context.services,
          {
            key,
            principal: context.actor.id,
            route: `${request.method} ${request.url}`,
            content: request.body ?? null,
          },
          work,
        )
      : await work();
  reply.code(answer.status).headers(answer.headers);
  if (!route.etag || route.method !== 'GET') return reply.send(answer.body);
  const text = JSON.stringify(answer.body);
  const tag = entityTag(text);
  reply.header('etag', tag);
  if (request.headers['if-none-match'] === tag) return reply.code(304).send();
  return reply.type('application/json; charset=utf-8').send(text);
}

/** `If-Match` names the entity tag of the plan as the client saw it. */
async function assertIfMatch(
  request: FastifyRequest,
  route: Route,
  context: OperationContext,
): Promise<void> {
  const wanted = request.headers['if-match'];
  if (wanted === undefined || !route.etag || route.method === 'GET') return;
  const params = parseInput(ROUTES.getPlan.params, request.params, 'The path');
  const current = await HANDLERS.getPlan({ context, params, query: undefined, body: undefined });
  if (wanted === '*' || wanted === entityTag(JSON.stringify(current.body))) return;
  throw new AppError(
    'precondition_failed',
    `Plan ${params.plan_id} has changed since you read it; read it again.`,
  );
}

function entityTag(text: string): string {
  return `"${createHash('sha256').update(text).digest('base64url').slice(0, 32)}"`;
}

async function serveLogs(
  request: FastifyRequest,
  reply: FastifyReply,
  context: OperationContext,
  refusedFromMs: number,
  streams: StreamSlots,
): Promise<FastifyReply> {
  const { execution_id } = parseInput(ROUTES.streamLogs.params, request.params, 'The path');
  const header = request.headers['last-event-id'] ?? '0';
  if (typeof header !== 'string' || !/^\d{1,15}$/.test(header)) {
    throw new AppError(
      'invalid_input',
      'Last-Event-ID is the id of an event of this stream, a whole number.',
    );
  }
  await HANDLERS.getExecution({ context, params: { execution_id }, query: undefined, body: undefined });
  const close = streams.take(context.actor.id);
  reply.hijack();
  reply.raw.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
    'x-request-id': request.id,
  });
  try {
    await streamLogs(
      context,
      { executionId: execution_id, lastSeq: Number(header), refusedFromMs },
      reply.raw,
    );
  } catch (error) {
    context.services.logger.warn('a log stream broke off', { execution_id, cause: String(error) });
  } finally {
    close();
    reply.raw.end();
  }
  return reply;
}

async function serveReadiness(reply: FastifyReply, options: GatewayOptions): Promise<ReadinessView> {
  const checks = await options.readiness();
  const ready = checks.every((check) => check.ok);
  reply.code(ready ? 200 : 503);
  return { ready, checks };
}

function assertHost(request: IncomingMessage, allowed: ReadonlySet<string> | null): void {
  if (allowed === null) return;
  const host = (request.headers.host ?? '').toLowerCase().replace(/:\d{1,5}$/, '');
  if (allowed.has(host)) return;
  throw new AppError(
    'forbidden',
    'This address answers only to its own local name; another Host header is refused.',
    {
      details: { reason: 'host_not_allowed' },
    },
  );
}

function sendProblem(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  options: GatewayOptions,
): FastifyReply {
  const problem = problemReply(error, request.id, options.redact);
  if (problem.status === PROBLEM_STATUS.internal) {
    const cause = error instanceof Error ? (error.stack ?? error.message) : String(error);
    options.services.logger.error('a request failed', { request_id: request.id, cause });
  }
  return reply
    .code(problem.status)
    .headers(problem.headers)
    .type('application/problem+json')
    .send(JSON.stringify(problem.body));
}
