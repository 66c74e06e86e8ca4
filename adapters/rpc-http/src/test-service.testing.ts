import { newId, type JsonObject } from '@carapulse/kernel';
import { credentialDigest } from './credential.ts';
import { createRpcConnection, type RpcConnection, type RpcConnectionOptions } from './rpc-connection.ts';
import { createRpcServer, type RpcServer, type RpcServerOptions, type Served } from './rpc-server.ts';

export const TOKEN = 'the-service-credential';

/** A service of this very process, and the way to it. */
export interface TestService {
  readonly url: string;
  readonly server: RpcServer;
  connect(change?: Partial<RpcConnectionOptions>): RpcConnection;
}

/** For tests: serves procedures as a service does. */
export async function openTestService(
  served: readonly Served[],
  change: Partial<RpcServerOptions> = {},
  at: Parameters<RpcServer['listen']>[0] = { host: '127.0.0.1', port: 0 },
): Promise<TestService> {
  const clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now() };
  const random = { bytes: (length: number) => crypto.getRandomValues(new Uint8Array(length)) };
  const server = createRpcServer({
    served,
    credentialDigest: credentialDigest(TOKEN),
    maxBodyBytes: 1024 * 1024,
    readiness: async () => [{ name: 'test', ok: true, detail: 'answers' }],
    metrics: { observe: () => {}, text: async () => 'carapulse_test 1\n' },
    redact: { text: (text) => text, json: (value: JsonObject) => value },
    requestId: () => newId('request', clock, random),
    logger: { error: () => {} },
    ...change,
  });
  const url = await server.listen(at);
  return {
    url,
    server,
    connect: (change = {}) => createRpcConnection({ url, token: TOKEN, ...change }),
  };
}
