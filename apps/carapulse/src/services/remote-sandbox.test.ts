import { newId, type JsonObject } from '@carapulse/kernel';
import {
  createRemoteSandbox,
  createRpcConnection,
  createRpcServer,
  credentialDigest,
  serveSandbox,
  type RpcServer,
} from '@carapulse/rpc-http';
import type { LinuxSandbox } from '@carapulse/sandbox-linux';
import {
  commandFiles,
  escapeFiles,
  escapeNetwork,
  escapeProcesses,
  escapeResources,
  Lab,
  runProgram,
  type OpenLab,
} from '@carapulse/sandbox-linux/testing';
import type { Sandbox } from '@carapulse/tools';
import { afterAll, describe, expect, it } from 'vitest';
import { SYSTEM_CLOCK, SYSTEM_RANDOM } from './clock.ts';

const token = 'what-a-tool-router-carries';
const servers: RpcServer[] = [];

afterAll(async () => {
  await Promise.all(servers.map((server) => server.close(0)));
});

/** The same backends, each behind a service of its own: the suites of the sandbox's port hold over the wire too. */
async function byHttp(sandbox: LinuxSandbox, dir: string): Promise<Sandbox> {
  const server = createRpcServer({
    served: serveSandbox(sandbox, [dir]),
    credentialDigest: credentialDigest(token),
    maxBodyBytes: 32 * 1024 * 1024,
    readiness: async () => [],
    metrics: { observe: () => {}, text: async () => '' },
    redact: { text: (text) => text, json: (value: JsonObject) => value },
    requestId: () => newId('request', SYSTEM_CLOCK, SYSTEM_RANDOM),
    logger: { error: () => {} },
  });
  servers.push(server);
  const remote = createRemoteSandbox(
    createRpcConnection({ url: await server.listen({ host: '127.0.0.1', port: 0 }), token }),
  );
  await remote.refresh(AbortSignal.timeout(10_000));
  return remote;
}
const open: OpenLab = (options = {}) => Lab.open(options, byHttp);

await runProgram(open);
await commandFiles(open);
await escapeFiles(open);
await escapeNetwork(open);
await escapeProcesses(open);
await escapeResources(open);

describe('what only a sandbox of another process has', async () => {
  const lab = await open();
  afterAll(() => lab.close());
  const [cage] = lab.cages.filter(({ missing }) => missing === null);
  const sandbox = cage?.sandbox;
  const { signal } = new AbortController();

  it('a mount outside its roots is refused, by way of a link too', async () => {
    for (const path of ['/etc', '/usr/share'])
      await expect(
        sandbox?.run(lab.command(['true'], { mounts: [{ path, mode: 'ro' }] }), { signal }),
      ).rejects.toMatchObject({ code: 'forbidden', details: { reason: 'mount_not_allowed' } });
  });

  it('one that does not answer is no backend, and what it is asked to run does not run', async () => {
    const gone = createRemoteSandbox(createRpcConnection({ url: 'http://127.0.0.1:1', token }));
    expect((await gone.refresh(AbortSignal.timeout(10_000))).backend).toBeNull();
    await expect(gone.run(lab.command(['true']), { signal })).rejects.toMatchObject({
      code: 'sandbox_unavailable',
      retryable: true,
    });
  });
});
