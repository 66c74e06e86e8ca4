import { createServer as createHttpServer, request } from 'node:http';
import type { IncomingMessage, Server as HttpServer, ServerResponse } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { AppError, toAppError } from '@carapulse/kernel';
import type { EgressRule } from '@carapulse/tools';
import { connectPinned } from './connect-pinned.ts';
import { checkDestination, type Resolve } from './egress-destination.ts';
import { readSocksRequest, SOCKS_VERSION, socksReply, type SocksReply } from './socks-handshake.ts';

export interface EgressProxyOptions {
  readonly rules: readonly EgressRule[];
  readonly resolve: Resolve;
  readonly connectTimeoutMs: number;
  readonly idleTimeoutMs: number;
  /** All connections of the run together, both ways. */
  readonly maxBytes: number;
  /** Told of each destination that was refused. */
  readonly onRefused?: (error: AppError) => void;
}

const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/**
 * Proxy of one run, by HTTP (CONNECT, and absolute-form for plain HTTP) and by SOCKS5, on a unix socket that only the
 * run's bridge dials. Owner: one run of the sandbox. Boundary: the socket path, and connections to checked addresses.
 *  1. Every request is checked by itself; a kept-alive connection gains nothing from an earlier one.
 *  2. A connection goes to an address that was checked, not to a name.
 *  3. After `close` nothing it opened is left.
 */
export class EgressProxy {
  readonly #options: EgressProxyOptions;
  readonly #server: Server;
  readonly #http: HttpServer;
  readonly #abort = new AbortController();
  readonly #sockets = new Set<Duplex>();
  #bytes = 0;

  private constructor(options: EgressProxyOptions) {
    this.#options = options;
    // Half open, as HTTP servers are: who has asked may say that it has nothing more to say.
    this.#server = createServer({ allowHalfOpen: true }, (socket) => {
      this.#track(socket);
      const unasked = (): void => void socket.destroy();
      socket.once('end', unasked);
      socket.once('data', (head: Buffer) => {
        socket.off('end', unasked);
        this.#hand(socket, head);
      });
    });
    this.#http = createHttpServer({ maxHeaderSize: 32_768 });
    this.#http.on('connect', (incoming: IncomingMessage, socket: Duplex, head: Buffer) => {
      this.#tunnel(incoming, socket, head).catch((error: unknown) =>
        refuseTunnel(socket, this.#failure(error)),
      );
    });
    this.#http.on('request', (incoming: IncomingMessage, outgoing: ServerResponse) => {
      this.#forward(incoming, outgoing).catch((error: unknown) =>
        refuseRequest(outgoing, this.#failure(error)),
      );
    });
    this.#http.on('clientError', (_error, socket) => socket.destroy());
  }

  static async listen(socketPath: string, options: EgressProxyOptions): Promise<EgressProxy> {
    const proxy = new EgressProxy(options);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    proxy.#server.once('error', reject);
    proxy.#server.listen(socketPath, resolve);
    await promise;
    return proxy;
  }

  async close(): Promise<void> {
    this.#abort.abort(new AppError('cancelled', 'The run has ended.'));
    for (const socket of this.#sockets) socket.destroy();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    await promise;
  }

  /** The first byte tells which of the two is spoken. */
  #hand(socket: Socket, head: Buffer): void {
    socket.pause();
    socket.unshift(head);
    if (head[0] === SOCKS_VERSION) {
      this.#socks(socket).catch((error: unknown) => socket.end(socksReply(replyOf(this.#failure(error)))));
    } else {
      this.#http.emit('connection', socket);
      socket.resume();
    }
  }

  #failure(error: unknown): AppError {
    const failure = toAppError(error, 'unavailable');
    if (failure.code === 'policy_denied') this.#options.onRefused?.(failure);
    return failure;
  }

  #track(socket: Duplex): void {
    this.#sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => this.#sockets.delete(socket));
  }

  async #open(host: string, port: number): Promise<Socket> {
    const { rules, resolve, connectTimeoutMs, idleTimeoutMs } = this.#options;
    const destination = await checkDestination(host, port, rules, resolve, this.#abort.signal);
    const remote = await connectPinned(destination, connectTimeoutMs, this.#abort.signal);
    this.#track(remote);
    remote.setTimeout(idleTimeoutMs, () => remote.destroy());
    return remote;
  }

  async #tunnel(incoming: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    socket.on('error', () => socket.destroy());
    const { host, port } = parseAuthority(incoming.url ?? '');
    const remote = await this.#open(host, port);
    this.#join(socket, remote, 'HTTP/1.1 200 Connection established\r\n\r\n');
    if (head.length > 0) remote.write(head);
  }

  async #socks(socket: Socket): Promise<void> {
    const { host, port } = await readSocksRequest(socket);
    this.#join(socket, await this.#open(host, port), socksReply('succeeded'));
  }

  #join(socket: Duplex, remote: Socket, opening: string | Buffer): void {
    if (socket.destroyed) {
      remote.destroy();
      return;
    }
    socket.write(opening);
    this.#count(socket, remote);
    this.#count(remote, socket);
    socket.pipe(remote);
    remote.pipe(socket);
    socket.once('close', () => remote.destroy());
    remote.once('close', () => socket.destroy());
  }

  async #forward(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const target = parseTarget(incoming.url ?? '');
    const port = target.port === '' ? 80 : Number(target.port);
    const remote = await this.#open(target.hostname, port);
    this.#count(remote, remote);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onward = request({
      createConnection: () => remote,
      method: incoming.method,
      path: `${target.pathname}${target.search}`,
      headers: { ...forwardable(incoming.headers), host: target.host, connection: 'close' },
      setHost: false,
    });
    onward.once('error', reject);
    onward.once('response', (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, forwardable(answer.headers));
      answer.pipe(outgoing);
      answer.once('error', reject);
      answer.once('end', resolve);
    });
    incoming.on('data', (chunk: Buffer) => this.#add(chunk.length, remote));
    incoming.pipe(onward);
    outgoing.once('close', () => remote.destroy());
    await promise;
  }

  #count(from: Duplex, peer: Duplex): void {
    from.on('data', (chunk: Buffer) => this.#add(chunk.length, peer));
  }

  #add(bytes: number, socket: Duplex): void {
    this.#bytes += bytes;
    if (this.#bytes > this.#options.maxBytes) {
      socket.destroy(new Error(`more than ${this.#options.maxBytes} bytes in one run`));
    }
  }
}

function parseAuthority(authority: string): { host: string; port: number } {
  const match = /^(\[[0-9a-fA-F:.]+\]|[^:[\]/@\s]+):(\d{1,5})$/.exec(authority);
  const port = Number(match?.[2]);
  if (match?.[1] === undefined || port < 1 || port > 65_535) {
    throw new AppError('invalid_input', 'CONNECT needs host:port.');
  }
  return { host: match[1], port };
}

function parseTarget(url: string): URL {
  const target = URL.canParse(url) ? new URL(url) : null;
  if (target?.protocol !== 'http:' || target.username !== '' || target.password !== '') {
    throw new AppError('invalid_input', 'Plain requests need an absolute http: URL without credentials.');
  }
  return target;
}

function forwardable(headers: IncomingMessage['headers']): Record<string, string | string[]> {
  const named = new Set((headers.connection ?? '').split(',').map((name) => name.trim().toLowerCase()));
  const kept: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined && !HOP_BY_HOP.has(name) && !named.has(name)) kept[name] = value;
  }
  return kept;
}

function statusOf(error: AppError): string {
  if (error.code === 'policy_denied') return '403 Forbidden';
  return error.code === 'invalid_input' ? '400 Bad Request' : '502 Bad Gateway';
}

function replyOf(error: AppError): SocksReply {
  if (error.code === 'policy_denied') return 'not_allowed';
  return error.code === 'invalid_input' ? 'not_supported' : 'unreachable';
}

function refuseTunnel(socket: Duplex, error: AppError): void {
  const body = `${error.message}\n`;
  socket.end(
    `HTTP/1.1 ${statusOf(error)}\r\nContent-Type: text/plain; charset=utf-8\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}

function refuseRequest(outgoing: ServerResponse, error: AppError): void {
  if (outgoing.headersSent) {
    outgoing.destroy();
    return;
  }
  outgoing.writeHead(Number(statusOf(error).slice(0, 3)), { 'content-type': 'text/plain; charset=utf-8' });
  outgoing.end(`${error.message}\n`);
}
