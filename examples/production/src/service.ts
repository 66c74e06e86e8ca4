// The checkout service: a process of its own that serves what one release of the repository says, and takes the next
// release without a restart. /healthz tells that the process lives; only /checkout tells that it can sell.
import { createServer, get, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { serveParent, tellParent } from './child-link.ts';
import { loadServiceConfig, type ServiceConfig } from './service-config.ts';
import { renderServiceMetrics, type RequestCounts } from './service-metrics.ts';

export interface Release {
  readonly revision: string;
  readonly directory: string;
}

export interface ServiceArguments {
  /** 0 lets the system choose. */
  readonly port: number;
  readonly inventoryUrl: string;
  readonly release: Release;
}

interface Deployed {
  readonly revision: string;
  readonly config: ServiceConfig;
}

const { port, inventoryUrl, release }: ServiceArguments = JSON.parse(process.argv[2] ?? '{}');
// Every outcome from the start, so that a rate sees the first failure too.
const counts: RequestCounts = new Map([200, 502, 504].map((status) => [status, 0]));
let deployed: Deployed | undefined;

function log(level: 'info' | 'error', msg: string, fields: Readonly<Record<string, unknown>> = {}): void {
  const line = { ts: new Date().toISOString(), level, revision: deployed?.revision ?? null, msg, ...fields };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

function deploy(next: Release): void {
  try {
    deployed = { revision: next.revision, config: loadServiceConfig(next.directory) };
    log('info', 'configuration loaded', { inventory_timeout_ms: deployed.config.inventoryTimeoutMs });
  } catch (error) {
    log('error', 'configuration refused', { refused_revision: next.revision, error: String(error) });
    throw error;
  }
}

/** Status of one answer from inventory. Rejects on refusal, reset or when the configured time is over. */
function askInventory(config: ServiceConfig): Promise<number> {
  const signal = AbortSignal.timeout(config.inventoryTimeoutMs);
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown) =>
      reject(
        signal.aborted
          ? new Error(`inventory did not answer within ${config.inventoryTimeoutMs} ms`, { cause })
          : cause,
      );
    get(`${inventoryUrl}${config.inventoryPath}`, { signal, agent: false }, (response) => {
      response.on('error', fail);
      response.on('end', () => resolve(response.statusCode ?? 0));
      response.resume();
    }).on('error', fail);
  });
}

async function checkout(response: ServerResponse, { revision, config }: Deployed): Promise<void> {
  const startedAt = performance.now();
  try {
    const status = await askInventory(config);
    if (status !== 200) throw new Error(`inventory answered ${status}`);
    reply(response, 200, { order: 'accepted', currency: config.currency, max_items: config.maxItems });
  } catch (error) {
    const cause = error instanceof Error ? error : new Error(String(error));
    const status = /did not answer within/.test(cause.message) ? 504 : 502;
    log('error', 'checkout failed', {
      status,
      upstream: 'inventory',
      error: cause.message,
      duration_ms: Math.round(performance.now() - startedAt),
    });
    reply(response, status, { error: 'inventory is not available', revision });
  }
}

function reply(response: ServerResponse, status: number, body: unknown): void {
  response.statusCode = status;
  response.setHeader('content-type', 'application/json');
  response.end(`${JSON.stringify(body)}\n`);
}

const server = createServer((request, response) => {
  const path = request.url?.split('?')[0] ?? '';
  const current = deployed;
  if (current === undefined) return reply(response, 503, { error: 'no configuration yet' });
  response.setHeader('x-revision', current.revision);
  if (path === '/metrics') {
    response.setHeader('content-type', 'text/plain; version=0.0.4; charset=utf-8');
    response.end(renderServiceMetrics(counts, current.revision));
    return;
  }
  if (path === '/checkout') {
    response.on('finish', () => {
      counts.set(response.statusCode, (counts.get(response.statusCode) ?? 0) + 1);
    });
    void checkout(response, current);
    return;
  }
  if (path === '/healthz') return reply(response, 200, { status: 'ok', revision: current.revision });
  reply(response, 404, { error: 'not found' });
});

serveParent({ deploy: (payload) => deploy(payload as Release) }); // our own parent's message
server.on('error', (error) => tellParent({ kind: 'failed', error: error.message }));
try {
  deploy(release);
  server.listen(port, '127.0.0.1', () => {
    const address = server.address() as AddressInfo; // listening on TCP, so never a string or null
    tellParent({ kind: 'ready', port: address.port });
  });
} catch (error) {
  tellParent({ kind: 'failed', error: error instanceof Error ? error.message : String(error) });
}
