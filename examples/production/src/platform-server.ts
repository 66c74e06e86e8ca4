import { timingSafeEqual, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AppError, toAppError } from '@carapulse/kernel';
import { runControlVerb } from './control-verbs.ts';
import type { ProductionEvents, ProductionLine } from './events.ts';
import type { LineRing } from './line-ring.ts';
import { answerPlatformRequest, type PlatformView } from './platform-routes.ts';
import type { Production } from './production.ts';

/** The production's own HTTP server: what operators may read, and behind a token what its owner may do. */
export interface PlatformServer {
  readonly url: string;
  /** Bearer token of `/control`. */
  readonly token: string;
  /** From now on `/control` acts on this production. */
  serve(production: Production): void;
  onAttachments(listener: (count: number) => void): void;
  stop(): Promise<void>;
}

export interface PlatformServerOptions extends PlatformView {
  readonly log: LineRing;
  readonly events: ProductionEvents;
  readonly signal: AbortSignal;
}

const MAX_BODY_BYTES = 64 * 1024;

export async function startPlatformServer(options: PlatformServerOptions): Promise<PlatformServer> {
  const token = randomBytes(24).toString('base64url');
  const attached = new Set<ServerResponse>();
  let production: Production | undefined;
  let listener: (count: number) => void = () => undefined;

  /** Holds the connection open and tells the production's story on it, one JSON line each. */
  const attach = (response: ServerResponse): void => {
    response.setHeader('content-type', 'application/x-ndjson');
    response.flushHeaders();
    const tell = (line: ProductionLine) => response.write(`${JSON.stringify(line)}\n`);
    options.events.on('line', tell);
    attached.add(response);
    listener(attached.size);
    response.on('close', () => {
      options.events.off('line', tell);
      attached.delete(response);
      listener(attached.size);
    });
  };

  const control = async (path: string, request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (!hasToken(request, token)) {
      throw new AppError('unauthenticated', '/control needs the bearer token of production.json');
    }
    if (path === '/control/attach') return attach(response);
    if (production === undefined) throw new AppError('unavailable', 'The production is still starting');
    const gone = new AbortController();
    response.on('close', () => gone.abort());
    const result = await runControlVerb(
      production,
      path.slice('/control/'.length),
      await readBody(request),
      gone.signal,
    );
    sendJson(response, 200, result ?? null);
  };

  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://platform');
    const answer = async () => {
      if (url.pathname.startsWith('/control/')) return control(url.pathname, request, response);
      await answerPlatformRequest(options, url, response);
    };
    answer().catch((error: unknown) => {
      const { code, message } = toAppError(error);
      if (!response.headersSent) sendJson(response, STATUS_OF[code] ?? 500, { code, message });
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: '127.0.0.1', port: 0, signal: options.signal }, resolve);
  });
  const address = server.address() as AddressInfo; // listening on TCP, so never a string or null

  return {
    url: `http://127.0.0.1:${address.port}`,
    token,
    serve(next) {
      production = next;
    },
    onAttachments(next) {
      listener = next;
      listener(attached.size);
    },
    async stop() {
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    },
  };
}

const STATUS_OF: Readonly<Partial<Record<string, number>>> = {
  invalid_input: 400,
  unauthenticated: 401,
  not_found: 404,
  conflict: 409,
  unavailable: 503,
};

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.statusCode = status;
  response.setHeader('content-type', 'application/json');
  response.end(`${JSON.stringify(body)}\n`);
}

function hasToken(request: IncomingMessage, token: string): boolean {
  const given = Buffer.from(request.headers.authorization ?? '');
  const wanted = Buffer.from(`Bearer ${token}`);
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    chunks.push(chunk as Buffer); // no encoding is set on the request
    size += (chunk as Buffer).length;
    if (size > MAX_BODY_BYTES) throw new AppError('invalid_input', 'The body is too large');
  }
  return JSON.parse(Buffer.concat(chunks).toString() || 'null');
}
