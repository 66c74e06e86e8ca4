// Owner: a git server. Boundary: one HTTP server on loopback in front of `git http-backend`, a process a request.
// 1. Nothing is served without the token, neither reads nor pushes.
// 2. stop() ends the requests that run, with their processes.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface GitOverHttp {
  readonly port: number;
  readonly stop: () => Promise<void>;
}

interface Backend {
  /** Holds the bare repositories. */
  readonly root: string;
  /** The password that must come with any user name. */
  readonly token: string;
}

/** Git's smart protocol over plain HTTP; git-http-backend(1), RFC 3875 for its headers. */
export async function startGitOverHttp(backend: Backend): Promise<GitOverHttp> {
  const children = new Set<ChildProcess>();
  const server = createServer((request, response) => {
    if (!authorised(request, backend.token)) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end();
      return;
    }
    const child = spawn('git', ['http-backend'], {
      env: environmentOf(request, backend.root),
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    children.add(child);
    child.once('close', () => children.delete(child));
    child.once('error', () => response.destroy());
    // A client or a backend that leaves early is told by the other side's end.
    child.stdin.on('error', () => undefined);
    response.on('close', () => child.kill());
    request.pipe(child.stdin);
    relay(child.stdout, response);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return { port: (server.address() as AddressInfo).port, stop: () => close(server, children) };
}

function authorised({ headers }: IncomingMessage, token: string): boolean {
  const [, encoded = ''] = /^Basic (\S+)$/i.exec(headers.authorization ?? '') ?? [];
  const credentials = Buffer.from(encoded, 'base64').toString();
  return credentials.slice(credentials.indexOf(':') + 1) === token && credentials.includes(':');
}

function environmentOf(request: IncomingMessage, root: string): Readonly<Record<string, string>> {
  const url = new URL(request.url ?? '/', 'http://git');
  const header = (name: string) => String(request.headers[name] ?? '');
  return {
    PATH: process.env['PATH'] ?? '',
    HOME: root,
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_PROJECT_ROOT: root,
    GIT_HTTP_EXPORT_ALL: '1',
    GIT_PROTOCOL: header('git-protocol'),
    HTTP_CONTENT_ENCODING: header('content-encoding'),
    REQUEST_METHOD: request.method ?? 'GET',
    PATH_INFO: decodeURIComponent(url.pathname),
    QUERY_STRING: url.search.slice(1),
    CONTENT_TYPE: header('content-type'),
    CONTENT_LENGTH: header('content-length'),
    REMOTE_ADDR: '127.0.0.1',
    REMOTE_USER: 'testbed',
  };
}

/** Headers, an empty line, the body. */
function relay(from: NodeJS.ReadableStream, response: ServerResponse): void {
  let head = Buffer.alloc(0);
  const onHead = (chunk: Buffer) => {
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf('\r\n\r\n');
    if (end < 0) return;
    from.off('data', onHead);
    const lines = head.subarray(0, end).toString().split('\r\n');
    const headers = lines.map(
      (line) => [line.split(':', 1)[0] ?? '', line.slice(line.indexOf(':') + 1).trim()] as const,
    );
    const status = headers.find(([name]) => name.toLowerCase() === 'status')?.[1];
    response.writeHead(
      Number.parseInt(status ?? '200', 10),
      Object.fromEntries(headers.filter(([name]) => name.toLowerCase() !== 'status')),
    );
    response.write(head.subarray(end + 4));
    from.pipe(response);
  };
  from.on('data', onHead);
  from.on('end', () => response.end());
}

async function close(server: Server, children: ReadonlySet<ChildProcess>): Promise<void> {
  for (const child of children) child.kill('SIGKILL');
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}
