import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newId, type JsonObject } from '@carapulse/kernel';
import {
  createRemoteSandbox,
  createRpcConnection,
  createRpcServer,
  credentialDigest,
  serveSandbox,
  type HostedSandbox,
  type RpcServer,
} from '@carapulse/rpc-http';
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
async function byHttp(sandbox: HostedSandbox, dir: string): Promise<Sandbox> {
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
  const direct: HostedSandbox[] = [];
  const lab = await Lab.open({}, (sandbox, dir) => {
    direct.push(sandbox);
    return byHttp(sandbox, dir);
  });
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

  for (const [nth, { name, missing }] of lab.cages.entries())
    it.skipIf(missing !== null)(
      `${name}: a mount that is exchanged after it was judged is not shown`,
      async () => {
        const base = join(lab.dir, `exchanged-${name.replaceAll(' ', '-')}`);
        const [inside, outside, judged] = [
          join(base, 'inside'),
          join(base, 'outside'),
          join(base, 'inside', 'd'),
        ];
        for (const path of [base, inside, outside, judged]) mkdirSync(path);
        writeFileSync(join(outside, 'secret'), 'of somebody else');
        // What a command that writes `inside` may do at any instant, done at the worst one.
        const caged = direct[nth] as HostedSandbox;
        const exchanging: HostedSandbox = {
          runAs: caged.runAs,
          status: () => caged.status(),
          run: (command, options) => {
            renameSync(judged, join(inside, 'aside'));
            symlinkSync(outside, judged);
            return caged.run(command, options);
          },
        };
        const remote = await byHttp(exchanging, inside);
        const command = lab.command(['cat', join(judged, 'secret'), join(outside, 'secret')], {
          cwd: outside,
          mounts: [{ path: judged, mode: 'ro' }],
        });
        await expect(remote.run(command, { signal })).rejects.toMatchObject({
          code: 'sandbox_unavailable',
          message: expect.stringMatching(/was exchanged/),
        });
      },
    );

  it('a writable mount in another one is refused', async () => {
    const inner = join(lab.dir, 'inner');
    mkdirSync(inner);
    const mounts = [lab.dir, inner].map((path) => ({ path, mode: 'rw' as const }));
    await expect(sandbox?.run(lab.command(['true'], { mounts }), { signal })).rejects.toMatchObject({
      code: 'invalid_input',
    });
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
