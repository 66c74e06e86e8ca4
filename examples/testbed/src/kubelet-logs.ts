// Owner: a cluster. Boundary: one HTTPS server on loopback, which the API server asks as if it were the kubelets.
// 1. It keeps nothing: a log is what the pod's status and its annotation `testbed/log` say at that moment.
// 2. It answers to the API server's question for a container's log and to nothing else.
import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { askApi, type ApiAccess } from './api-client.ts';
import { FAULTY_IMAGE } from './kubelet-stages.ts';

export interface KubeletLogs {
  readonly port: number;
  readonly stop: () => Promise<void>;
}

export interface KubeletIdentity {
  /** PEM. */
  readonly key: string;
  readonly cert: string;
}

interface Run {
  readonly startedAt: string;
  readonly finishedAt?: string;
  readonly exitCode?: number;
}

interface Pod {
  readonly metadata: { readonly annotations?: Readonly<Record<string, string>> };
  readonly spec: { readonly containers: readonly { readonly name: string; readonly image: string }[] };
  readonly status: {
    readonly containerStatuses?: readonly {
      readonly name: string;
      readonly state?: { readonly running?: Run; readonly terminated?: Run };
      readonly lastState?: { readonly terminated?: Run };
    }[];
  };
}

interface Line {
  readonly time: string;
  readonly text: string;
}

type Log =
  | { readonly kind: 'lines'; readonly lines: readonly Line[] }
  | { readonly kind: 'none'; readonly why: string };

/** What a container of an image says at its end, by the fault in its tag. */
const LAST_WORDS: Readonly<Record<string, string>> = {
  crash: 'level=fatal msg="cannot read the configuration: SHOP_DATABASE is not set"',
  late: 'level=fatal msg="connection pool exhausted: 20 of 20 in use"',
};
export const LOG_ANNOTATION = 'testbed/log';
const PATH = /^\/containerLogs\/([^/]+)\/([^/]+)\/([^/]+)$/;
const FOLLOW_EVERY_MS = 200;

/** Serves `GET /containerLogs/<namespace>/<pod>/<container>` with a kubelet's parameters. */
export async function startKubeletLogs(access: ApiAccess, identity: KubeletIdentity): Promise<KubeletLogs> {
  const closing = new AbortController();
  const server = createServer({ ...identity }, (request, response) => {
    const gone = new AbortController();
    response.on('close', () => gone.abort());
    const signal = AbortSignal.any([gone.signal, closing.signal]);
    const url = new URL(request.url ?? '/', 'https://kubelet');
    answer(access, url, signal, response).catch((error: unknown) => {
      if (!response.headersSent) response.writeHead(500);
      response.end(String(error));
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  return { port, stop: () => close(server, closing) };
}

async function close(server: Server, closing: AbortController): Promise<void> {
  closing.abort();
  const closed = server.listening ? once(server, 'close') : Promise.resolve();
  server.close();
  server.closeAllConnections();
  await closed;
}

interface Sink {
  writeHead(status: number, headers?: Readonly<Record<string, string>>): unknown;
  write(text: string): boolean;
  end(text?: string): unknown;
}

async function answer(access: ApiAccess, url: URL, signal: AbortSignal, response: Sink): Promise<void> {
  const [, namespace = '', name = '', container = ''] = PATH.exec(url.pathname) ?? [];
  if (namespace === '') {
    response.writeHead(404);
    response.end('this kubelet serves logs alone\n');
    return;
  }
  const asked = url.searchParams;
  const read = async () =>
    logOf(await podOf(access, namespace, name, signal), container, asked.get('previous') === 'true');
  const log = await read();
  if (log.kind === 'none') {
    response.writeHead(400, { 'content-type': 'text/plain' });
    response.end(log.why);
    return;
  }
  response.writeHead(200, { 'content-type': 'text/plain' });
  response.write(textOf(chosen(log.lines, asked, Date.now()), asked));
  let seen = log.lines.length;
  while (asked.get('follow') === 'true' && !signal.aborted) {
    await delay(FOLLOW_EVERY_MS, undefined, { signal }).catch(() => undefined);
    const now = signal.aborted ? log : await read();
    if (now.kind === 'none' || now.lines[0]?.time !== log.lines[0]?.time) break;
    response.write(textOf(now.lines.slice(seen), asked));
    seen = now.lines.length;
  }
  response.end();
}

async function podOf(access: ApiAccess, namespace: string, name: string, signal: AbortSignal): Promise<Pod> {
  const path = `/api/v1/namespaces/${namespace}/pods/${name}`;
  const reply = await askApi(access, { method: 'GET', path }, signal);
  if (reply.status !== 200) throw new Error(`pod ${namespace}/${name}: the API answered ${reply.status}`);
  return JSON.parse(reply.text) as Pod;
}

function logOf(pod: Pod, container: string, previous: boolean): Log {
  const image = pod.spec.containers.find(({ name }) => name === container)?.image;
  const status = pod.status.containerStatuses?.find(({ name }) => name === container);
  if (image === undefined || status === undefined)
    return { kind: 'none', why: `container "${container}" is not known to this kubelet` };
  const ended = status.lastState?.terminated;
  // As a kubelet does: what has ended last is the log until the container runs again.
  const run = previous ? ended : (status.state?.running ?? status.state?.terminated ?? ended);
  if (run === undefined) {
    const why = previous
      ? `previous terminated container "${container}" not found`
      : `container "${container}" is waiting to start`;
    return { kind: 'none', why };
  }
  return { kind: 'lines', lines: linesOf(run, image, pod.metadata.annotations?.[LOG_ANNOTATION]) };
}

function linesOf(run: Run, image: string, more: string | undefined): readonly Line[] {
  const fault = new RegExp(FAULTY_IMAGE).exec(image)?.[1] ?? '';
  const texts = [`level=info msg="starting" image=${image}`];
  if (run.finishedAt === undefined && fault !== 'crash' && fault !== 'oom')
    texts.push('level=info msg="listening on :8080"');
  if (fault === 'unready') texts.push('level=error msg="not ready: the database refuses connections"');
  if (more !== undefined) texts.push(...more.trimEnd().split('\n'));
  const lines = texts.map((text) => ({ time: run.startedAt, text }));
  const lastWords = run.finishedAt === undefined || run.exitCode === 0 ? undefined : LAST_WORDS[fault];
  return lastWords === undefined ? lines : [...lines, { time: run.finishedAt ?? '', text: lastWords }];
}

function chosen(lines: readonly Line[], asked: URLSearchParams, now: number): readonly Line[] {
  const seconds = asked.get('sinceSeconds');
  const since = seconds === null ? Date.parse(asked.get('sinceTime') ?? '') : now - Number(seconds) * 1000;
  const recent = Number.isNaN(since) ? lines : lines.filter(({ time }) => Date.parse(time) >= since);
  const tail = asked.get('tailLines');
  return tail === null ? recent : recent.slice(recent.length - Math.min(recent.length, Number(tail)));
}

function textOf(lines: readonly Line[], asked: URLSearchParams): string {
  const stamped = asked.get('timestamps') === 'true';
  const text = lines.map(({ time, text }) => `${stamped ? `${time} ` : ''}${text}\n`).join('');
  const limit = asked.get('limitBytes');
  return limit === null ? text : Buffer.from(text).subarray(0, Number(limit)).toString();
}
