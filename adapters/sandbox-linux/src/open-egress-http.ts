import { isIP, type Socket } from 'node:net';
import { connect as connectTls, getCACertificates } from 'node:tls';
import { AppError, toAppError } from '@carapulse/kernel';
import type { EgressHttp, HttpRequestSpec, HttpResult } from '@carapulse/tools';
import { Client } from 'undici';
import { connectPinned } from './connect-pinned.ts';
import { checkDestination, resolveBySystem, type Destination, type Resolve } from './egress-destination.ts';

export interface EgressHttpOptions {
  readonly resolve?: Resolve;
  /** PEM certificates trusted beside the default ones. */
  readonly ca?: readonly string[];
}

const REDIRECTS = new Set([301, 302, 303, 307, 308]);
const PRIVATE_HEADERS = new Set(['authorization', 'cookie', 'proxy-authorization']);

/** The `EgressHttp` port on undici: each hop is checked, resolved once, and connected to the checked address. */
export function openEgressHttp(options: EgressHttpOptions = {}): EgressHttp {
  const resolve = options.resolve ?? resolveBySystem;
  return {
    async request(spec, signal) {
      const started = performance.now();
      const timeout = AbortSignal.timeout(spec.timeoutMs);
      const both = AbortSignal.any([signal, timeout]);
      try {
        signal.throwIfAborted();
        const answer = await follow(spec, resolve, options.ca ?? [], both);
        return { ...answer, durationMs: Math.round(performance.now() - started) };
      } catch (error) {
        throw explain(error, spec, signal, timeout);
      }
    },
  };
}

type Answer = Omit<HttpResult, 'durationMs'>;

async function follow(
  spec: HttpRequestSpec,
  resolve: Resolve,
  ca: readonly string[],
  signal: AbortSignal,
): Promise<Answer> {
  let hop: HttpRequestSpec = spec;
  for (let redirects = 0; ; redirects += 1) {
    const url = parseUrl(hop.url);
    const destination = await checkDestination(url.hostname, portOf(url), spec.egress, resolve, signal);
    assertTlsFits(hop, url);
    const answer = await send(hop, url, destination, trusted(spec, ca), signal);
    const location = answer.headers['location'];
    if (!REDIRECTS.has(answer.status) || location === undefined || redirects >= spec.maxRedirects)
      return answer;
    hop = redirected(hop, url, answer.status, location);
  }
}

/** Certificates that are trusted; undefined: the machine's. What a request pins is trusted alone. */
function trusted(spec: HttpRequestSpec, more: readonly string[]): readonly string[] | undefined {
  if (spec.tls !== undefined) return [spec.tls.ca];
  return more.length === 0 ? undefined : [...getCACertificates('default'), ...more];
}

/** A pin says who may answer; plain http would let anybody. */
function assertTlsFits(hop: HttpRequestSpec, url: URL): void {
  if (hop.tls === undefined || url.protocol === 'https:') return;
  throw new AppError('policy_denied', `${url.host} is asked over http, but its certificate is pinned.`, {
    details: { effect: 'none' },
  });
}

/** Fetch's rules (RFC 9110 section 15.4): 303, and 301 or 302 after POST, become GET without a body. */
function redirected(hop: HttpRequestSpec, from: URL, status: number, location: string): HttpRequestSpec {
  if (!URL.canParse(location, from.href)) {
    throw new AppError('tool_failed', `${from.host} redirects to a location that is not a URL.`);
  }
  const to = new URL(location, from);
  const toGet =
    (status === 303 && hop.method !== 'HEAD') ||
    ((status === 301 || status === 302) && hop.method === 'POST');
  const headers = Object.fromEntries(
    Object.entries(hop.headers).filter(([rawName]) => {
      const name = rawName.toLowerCase();
      if (to.origin !== from.origin && PRIVATE_HEADERS.has(name)) return false;
      return !(toGet && name.startsWith('content-'));
    }),
  );
  const { body, ...rest } = hop;
  const next = { ...rest, url: to.href, headers };
  if (toGet) return { ...next, method: 'GET' };
  return body === undefined ? next : { ...next, body };
}

async function send(
  hop: HttpRequestSpec,
  url: URL,
  destination: Destination,
  ca: readonly string[] | undefined,
  signal: AbortSignal,
): Promise<Answer> {
  const client = new Client(url.origin, {
    connect: (_options, callback) => {
      open(url, destination, hop.timeoutMs, ca, signal).then(
        (socket) => callback(null, socket),
        (error: unknown) => callback(error instanceof Error ? error : new Error(String(error)), null),
      );
    },
    pipelining: 1,
  });
  try {
    const response = await client.request({
      method: hop.method,
      path: `${url.pathname}${url.search}`,
      headers: { 'accept-encoding': 'identity', ...hop.headers },
      body: hop.body ?? null,
      signal,
    });
    const { text, truncated } = await readBody(response.body, hop.maxResponseBytes);
    return { status: response.statusCode, headers: flatten(response.headers), body: text, truncated };
  } finally {
    await client.destroy().catch(() => undefined);
  }
}

async function open(
  url: URL,
  destination: Destination,
  timeoutMs: number,
  ca: readonly string[] | undefined,
  signal: AbortSignal,
): Promise<Socket> {
  const socket = await connectPinned(destination, timeoutMs, signal);
  if (url.protocol === 'http:') return socket;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const secure = connectTls({
    socket,
    ...(isIP(destination.host) === 0 ? { servername: destination.host } : { host: destination.host }),
    ALPNProtocols: ['http/1.1'],
    ...(ca === undefined ? {} : { ca: [...ca] }),
  });
  secure.once('secureConnect', resolve);
  secure.once('error', reject);
  try {
    await promise;
  } catch (error) {
    socket.destroy();
    throw error;
  }
  return secure;
}

async function readBody(
  body: AsyncIterable<Uint8Array>,
  maxBytes: number,
): Promise<{ text: string; truncated: boolean }> {
  const parts: Uint8Array[] = [];
  let size = 0;
  let truncated = false;
  for await (const part of body) {
    const room = maxBytes - size;
    if (part.length > room) {
      parts.push(part.subarray(0, room));
      truncated = true;
      break;
    }
    parts.push(part);
    size += part.length;
  }
  return { text: new TextDecoder().decode(Buffer.concat(parts)), truncated };
}

function flatten(headers: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> {
  const flat: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) flat[name.toLowerCase()] = Array.isArray(value) ? value.join(', ') : value;
  }
  return flat;
}

function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new AppError('invalid_input', 'Requests need an absolute http: or https: URL.');
  }
  if (url.username !== '' || url.password !== '') {
    throw new AppError('invalid_input', `The URL of ${url.host} carries credentials; send them in a header.`);
  }
  return url;
}

function portOf(url: URL): number {
  if (url.port !== '') return Number(url.port);
  return url.protocol === 'https:' ? 443 : 80;
}

function explain(error: unknown, spec: HttpRequestSpec, signal: AbortSignal, timeout: AbortSignal): AppError {
  const url = URL.canParse(spec.url) ? new URL(spec.url) : null;
  const where = url === null ? 'the request' : `${url.hostname}:${portOf(url)}`;
  if (signal.aborted)
    return new AppError('cancelled', `The request to ${where} was cancelled.`, { cause: error });
  if (timeout.aborted) {
    return new AppError('timeout', `${where} did not answer in ${spec.timeoutMs} ms.`, {
      cause: error,
      retryable: true,
    });
  }
  if (error instanceof AppError) return error;
  const { message } = toAppError(error);
  return new AppError('unavailable', `The request to ${where} failed: ${message}`, {
    cause: error,
    retryable: true,
  });
}
