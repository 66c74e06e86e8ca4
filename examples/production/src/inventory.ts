// The upstream of checkout: a process of its own that answers GET /stock after about 40 ms. Told to stall, it goes on
// accepting connections and answers none, as one does that waits for a lock nobody gives back.
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { serveParent, tellParent } from './child-link.ts';

export interface InventoryArguments {
  /** 0 lets the system choose. */
  readonly port: number;
  readonly answerAfterMs: number;
}

const { port, answerAfterMs }: InventoryArguments = JSON.parse(process.argv[2] ?? '{}');
let stalled = false;

async function answer(response: ServerResponse): Promise<void> {
  await delay(answerAfterMs);
  if (stalled) return;
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ in_stock: 128 }));
}

const server = createServer((request, response) => {
  if (request.url === '/stock') {
    void answer(response);
    return;
  }
  response.statusCode = request.url === '/healthz' ? 200 : 404;
  response.end();
});

serveParent({
  stall: () => {
    stalled = true;
  },
  release: () => {
    stalled = false;
    server.closeAllConnections();
  },
});
server.on('error', (error) => tellParent({ kind: 'failed', error: error.message }));
server.listen(port, '127.0.0.1', () => {
  const address = server.address() as AddressInfo; // listening on TCP, so never a string or null
  tellParent({ kind: 'ready', port: address.port });
});
