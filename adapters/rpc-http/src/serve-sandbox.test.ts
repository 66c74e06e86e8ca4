import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SANDBOX_RPC, type SandboxFrame } from '@carapulse/contract';
import type { CommandResult, CommandSpec } from '@carapulse/tools';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createRemoteSandbox } from './remote-sandbox.ts';
import { createRpcConnection, type RpcConnection } from './rpc-connection.ts';
import { serve } from './rpc-server.ts';
import { serveSandbox, type HostedSandbox } from './serve-sandbox.ts';
import { openTestService, TOKEN, type TestService } from './test-service.testing.ts';

let dir: string;
const services: TestService[] = [];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'carapulse-served-'));
});
afterEach(async () => {
  await Promise.all(services.splice(0).map(({ server }) => server.close(0)));
  rmSync(dir, { recursive: true, force: true });
});

const never = () => ({ signal: new AbortController().signal });
const RESULT: CommandResult = { exitCode: 0, stdout: '', stderr: '', durationMs: 1, stoppedBy: null };

interface Serving {
  readonly at?: Parameters<typeof openTestService>[2];
  readonly endingMs?: number;
}

async function serving(run: HostedSandbox['run'], { at, endingMs }: Serving = {}): Promise<TestService> {
  const status = () => ({ backend: 'none' as const, detail: '', unavailable: [] });
  const served = serveSandbox({ run, status, runAs: { uid: 1, gid: 1 } }, [dir], endingMs);
  const service = await openTestService(served, {}, at);
  services.push(service);
  return service;
}

function command(change: Partial<CommandSpec> = {}): CommandSpec {
  const limits = { wallMs: 1000, memoryBytes: 1, pids: 1, outputBytes: 10_000 };
  return {
    argv: ['true'],
    cwd: dir,
    env: {},
    mounts: [{ path: dir, mode: 'rw' }],
    egress: [],
    limits,
    ...change,
  };
}

async function lastFrame(connection: RpcConnection, callId: string): Promise<SandboxFrame | null> {
  let last: SandboxFrame | null = null;
  const { argv, mounts, ...rest } = command();
  await connection.stream(
    SANDBOX_RPC.runCommand,
    { ...rest, argv: [argv[0]], mounts: [...mounts], egress: [], call_id: callId, follow: false, files: [] },
    (frame) => {
      last = frame;
    },
    new AbortController().signal,
  );
  return last;
}

test('a second command of the same id is refused, and the first can still be cancelled', async () => {
  const begun = Promise.withResolvers<void>();
  const service = await serving(async (_, { signal }) => {
    begun.resolve();
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    return { ...RESULT, stoppedBy: 'cancelled' };
  });
  const connection = service.connect();
  const callId = 'a'.repeat(16);
  const first = lastFrame(connection, callId);
  await begun.promise;
  expect(await lastFrame(connection, callId)).toMatchObject({
    kind: 'problem',
    problem: { code: 'conflict' },
  });
  const { signal } = new AbortController();
  expect(await connection.call(SANDBOX_RPC.cancelCommand, { call_id: callId }, signal)).toEqual({
    cancelled: true,
  });
  expect(await first).toMatchObject({ kind: 'result', stoppedBy: 'cancelled' });
});

/** Commands that end `slow` only when they are let go, however they were told to. */
function lingering() {
  const [begun, stopped, letGo] = [0, 0, 0].map(() => Promise.withResolvers<void>());
  const ran: string[] = [];
  const run: HostedSandbox['run'] = async ({ argv }, { signal }) => {
    ran.push(argv[0]);
    if (argv[0] !== 'slow') return RESULT;
    signal.addEventListener('abort', () => stopped?.resolve());
    begun?.resolve();
    await letGo?.promise;
    ran.push('slow ended');
    return { ...RESULT, stoppedBy: 'cancelled' };
  };
  return { run, ran, begun: begun?.promise, stopped: stopped?.promise, letGo: () => letGo?.resolve() };
}

/** Runs `slow` for a caller that gives up by cancelling, or by dying. */
function given(service: TestService, how: 'cancels' | 'dies', giveUp: AbortController): Promise<unknown> {
  if (how === 'cancels')
    return createRemoteSandbox(service.connect()).run(command({ argv: ['slow'] }), giveUp);
  const { mounts, ...rest } = command();
  const more = { argv: ['slow'] as [string], mounts: [...mounts], egress: [], files: [], follow: false };
  const spec = { ...rest, ...more, call_id: 'b'.repeat(16) };
  return service.connect().stream(SANDBOX_RPC.runCommand, spec, () => {}, giveUp.signal);
}

test.each(['cancels', 'dies'] as const)(
  'what a caller that %s has given up keeps others from beginning until it has ended',
  async (how) => {
    const { run, ran, begun, stopped, letGo } = lingering();
    const service = await serving(run);
    const giveUp = new AbortController();
    const slow = given(service, how, giveUp).catch(() => 'lost');
    await begun;
    giveUp.abort();
    await stopped;
    const next = createRemoteSandbox(service.connect()).run(command(), never());
    letGo();
    expect(await next).toEqual(RESULT);
    await slow;
    expect(ran).toEqual(['slow', 'slow ended', 'true']);
  },
);

test.each(['cancels', 'dies'] as const)(
  'what a caller that %s has given up and does not end: others are told so in time',
  async (how) => {
    const { run, begun, stopped, letGo } = lingering();
    const service = await serving(run, { endingMs: 50 });
    const sandbox = createRemoteSandbox(service.connect());
    const giveUp = new AbortController();
    const slow = given(service, how, giveUp).catch(() => 'lost');
    await begun;
    expect(await sandbox.run(command({ argv: ['beside'] }), never())).toEqual(RESULT);
    giveUp.abort();
    await stopped;
    await expect(sandbox.run(command(), never())).rejects.toMatchObject({
      code: 'sandbox_unavailable',
      retryable: true,
      details: { effect: 'none' },
      message: expect.stringContaining('have not ended in 50 ms'),
    });
    letGo();
    await slow;
    expect(await sandbox.run(command(), never())).toEqual(RESULT);
  },
);

test('a cancellation that overtakes its command ends it all the same', async () => {
  let asked = 0;
  const told = Promise.withResolvers<void>();
  const giveUp = new AbortController();
  const service = await openTestService([
    serve(SANDBOX_RPC.cancelCommand, async () => {
      asked += 1;
      if (asked < 3) return { cancelled: false };
      told.resolve();
      return { cancelled: true };
    }),
    serve(SANDBOX_RPC.runCommand, async (_, { send }) => {
      giveUp.abort();
      await told.promise;
      await send({ kind: 'result', ...RESULT, stoppedBy: 'cancelled' });
    }),
  ]);
  services.push(service);
  const sandbox = createRemoteSandbox(service.connect());
  expect(await sandbox.run(command(), giveUp)).toMatchObject({ stoppedBy: 'cancelled' });
  expect(asked).toBe(3);
});

test('all the output that a command may have comes through, whatever JSON makes of it', async () => {
  const stdout = '\0'.repeat(10_000);
  const service = await serving(async () => ({ ...RESULT, stdout }));
  const sandbox = createRemoteSandbox(service.connect({ maxAnswerBytes: 1000 }));
  const { signal } = new AbortController();
  expect((await sandbox.run(command(), { signal })).stdout).toBe(stdout);
});

test('one that does not answer in time is no backend', async () => {
  const hang = Promise.withResolvers<never>();
  // On a busy machine the time is over before the service has been asked.
  hang.promise.catch(() => {});
  const service = await openTestService([serve(SANDBOX_RPC.getStatus, () => hang.promise)]);
  services.push(service);
  const sandbox = createRemoteSandbox(service.connect());
  expect(await sandbox.refresh(AbortSignal.timeout(50))).toMatchObject({
    backend: null,
    detail: expect.stringContaining("didn't answer in time"),
  });
  hang.reject(new Error('the test is over'));
});

test('whom commands run as is asked for until the sandbox has said it, and known while it is away', async () => {
  const { signal } = new AbortController();
  const socket = join(dir, 'socket');
  const remote = createRemoteSandbox(createRpcConnection({ url: `unix:${socket}`, token: TOKEN }));
  expect(await remote.runAs(signal)).toBeNull();
  const service = await serving(async () => RESULT, { at: { socket } });
  expect(await remote.runAs(signal)).toEqual({ uid: 1, gid: 1 });
  await service.server.close(0);
  expect(await remote.runAs(signal)).toEqual({ uid: 1, gid: 1 });
});
