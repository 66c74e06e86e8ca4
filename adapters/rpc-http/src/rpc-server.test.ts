import { createHash } from 'node:crypto';
import { request } from 'node:http';
import { TOOL_ROUTER_RPC } from '@carapulse/contract';
import { AppError } from '@carapulse/kernel';
import type { ToolRequest, ToolResponse, ToolRouter } from '@carapulse/tools';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { createRemoteToolRouter } from './remote-tool-router.ts';
import { createRpcConnection } from './rpc-connection.ts';
import { serve, type RpcServerOptions } from './rpc-server.ts';
import { serveToolRouter } from './serve-tool-router.ts';
import { openTestService, TOKEN, type TestService } from './test-service.testing.ts';

const services: TestService[] = [];
afterEach(async () => {
  await Promise.all(services.splice(0).map(({ server }) => server.close(0)));
});

const RESPONSE: ToolResponse = { output: { a: 1 }, repeated: false, evidenceId: 'ev_1', durationMs: 1 };
const REQUEST: ToolRequest = {
  tool: 'note',
  action: 'write',
  input: {},
  context: { tenant_id: 'acme', environment: 'production' },
  actor: { id: 'user:a', kind: 'human', tenant_id: 'acme', roles: [], groups: [], assurance: 'local' },
  idempotencyKey: 'key',
  executionId: null,
  epoch: null,
  investigationId: null,
  envelope: {} as never,
};
const READ: ToolRequest = { ...REQUEST, envelope: null };
const never = () => ({ signal: new AbortController().signal });

async function serving(
  execute: ToolRouter['execute'],
  change: Partial<RpcServerOptions> = {},
): Promise<TestService> {
  const registry = { list: () => [], find: () => Promise.reject(new Error('no tools')) as never };
  const nothing = () => Promise.reject(new AppError('not_found', 'nothing'));
  const resources = { evidence: nothing, call: nothing };
  const service = await openTestService(
    serveToolRouter({ router: { execute }, registry, resources }),
    change,
  );
  services.push(service);
  return service;
}

/** Sends bytes as anybody on the machine may. */
function raw(
  url: string,
  path: string,
  body: string,
  headers: Readonly<Record<string, string>>,
): Promise<{ readonly status: number; readonly body: unknown }> {
  return new Promise((resolve, reject) => {
    const sent = request(new URL(path, url), { method: 'POST', headers, agent: false }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body: JSON.parse(text) as unknown }));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

describe('who may ask', () => {
  const json = { 'content-type': 'application/json' };
  const own = { ...json, authorization: `Bearer ${TOKEN}` };
  const path = '/v1/rpc/ListTools';

  test.each([
    ['no credential', json, 401, 'unauthenticated'],
    ['another one', { ...json, authorization: `Bearer ${TOKEN}x` }, 401, 'unauthenticated'],
    ['its beginning', { ...json, authorization: `Bearer ${TOKEN.slice(0, -1)}` }, 401, 'unauthenticated'],
    ['an empty one', { ...json, authorization: 'Bearer ' }, 401, 'unauthenticated'],
    ['another name of this address', { ...own, host: 'rebound.example' }, 403, 'forbidden'],
    ['its credential', own, 200, undefined],
  ])('%s: %s', async (_, headers, status, code) => {
    const { url } = await serving(async () => RESPONSE);
    const answer = await raw(url, path, '{}', headers);
    expect(answer).toMatchObject({ status, body: code === undefined ? { tools: [] } : { code } });
  });

  test.each([
    ['no JSON', '{"a":', 400, 'invalid_input'],
    ['an unknown member', '{"more":1}', 400, 'invalid_input'],
    ['a prototype', '{"__proto__":{"a":1}}', 400, 'invalid_input'],
    ['a deep one', `{"a":${'['.repeat(5000)}${']'.repeat(5000)}}`, 400, 'invalid_input'],
    ['a huge one', JSON.stringify({ a: 'x'.repeat(1024 * 1024) }), 413, 'payload_too_large'],
  ])('a body that is %s is refused, and nothing runs', async (_, body, status, code) => {
    let ran = false;
    const { url } = await serving(async () => {
      ran = true;
      return RESPONSE;
    });
    for (const name of ['ListTools', 'ExecuteTool', 'StreamToolLogs'])
      expect(await raw(url, `/v1/rpc/${name}`, body, own)).toMatchObject({ status, body: { code } });
    expect(ran).toBe(false);
  });

  test('health, readiness and metrics need no credential; what is not there is a problem', async () => {
    const { url } = await serving(async () => RESPONSE);
    expect(await (await fetch(`${url}/healthz`)).json()).toEqual({ status: 'ok' });
    expect(await (await fetch(`${url}/readyz`)).json()).toMatchObject({ ready: true });
    expect(await (await fetch(`${url}/metrics`)).text()).toBe('carapulse_test 1\n');
    expect(await raw(url, '/v1/rpc/Other', '{}', own)).toMatchObject({
      status: 404,
      body: { code: 'not_found' },
    });
  });

  test('only loopback is listened on, and only loopback is asked', async () => {
    const { server } = await openTestService([]);
    services.push({ server } as TestService);
    await expect(server.listen({ host: '0.0.0.0', port: 0 })).rejects.toMatchObject({
      code: 'invalid_input',
    });
    for (const url of [
      'http://10.0.0.1:8081',
      'https://127.0.0.1:8081',
      'http://127.0.0.1:8081/x',
      'nonsense',
    ])
      expect(() => createRpcConnection({ url, token: TOKEN })).toThrow(/no address of a service/);
  });

  test('a client with another credential is told so, once', async () => {
    let asked = 0;
    const service = await serving(async () => {
      asked += 1;
      return RESPONSE;
    });
    const router = createRemoteToolRouter(service.connect({ token: 'another' }));
    await expect(router.execute(REQUEST, never())).rejects.toMatchObject({ code: 'unauthenticated' });
    expect(asked).toBe(0);
  });
});

describe('a call that is lost', () => {
  const quick = { patienceMs: 300, writePatienceMs: 300 };

  test('is asked for again under its key by the one that hung up in the middle, and answered', async () => {
    const keys: string[] = [];
    const first = Promise.withResolvers<never>();
    const service = await serving(async ({ idempotencyKey }) => {
      keys.push(idempotencyKey);
      if (keys.length > 1) return { ...RESPONSE, repeated: true };
      return first.promise;
    });
    const router = createRemoteToolRouter(service.connect({ silenceMs: 200 }));
    expect(await router.execute(REQUEST, never())).toEqual({ ...RESPONSE, repeated: true });
    expect(keys).toEqual(['key', 'key']);
    first.reject(new Error('the test is over'));
  });

  test.each([
    ['a refusal', new AppError('policy_denied', 'no'), 'outcome_unknown'],
    [
      'what says that nothing happened',
      new AppError('tool_failed', 'no', { details: { effect: 'none' } }),
      'outcome_unknown',
    ],
    ['what is unknown there', new AppError('outcome_unknown', 'who knows'), 'outcome_unknown'],
  ])('is unknown when its repetition ends with %s', async (_, failure, code) => {
    let asked = 0;
    const hang = Promise.withResolvers<never>();
    const service = await serving(async () => {
      asked += 1;
      if (asked === 1) return hang.promise;
      throw failure;
    });
    const router = createRemoteToolRouter(service.connect({ silenceMs: 200 }));
    await expect(router.execute(REQUEST, never())).rejects.toMatchObject({ code });
    await expect(router.execute(READ, never())).rejects.toMatchObject({ code: failure.code });
    hang.reject(new Error('the test is over'));
  });

  test.each([
    ['could not be read back just then', new AppError('outcome_unknown', 'away', { retryable: true })],
    [
      'wrote nothing, which may pass',
      new AppError('unavailable', 'away', { retryable: true, details: { effect: 'none' } }),
    ],
  ])('is asked for once more where a repetition %s', async (_, failure) => {
    let asked = 0;
    const hang = Promise.withResolvers<never>();
    const service = await serving(async ({ envelope }) => {
      if (envelope === null) throw failure;
      asked += 1;
      if (asked === 1) return hang.promise;
      if (asked < 4) throw failure;
      return RESPONSE;
    });
    const router = createRemoteToolRouter(service.connect({ silenceMs: 200 }));
    expect(await router.execute(REQUEST, never())).toEqual(RESPONSE);
    expect(asked).toBe(4);
    // Nothing was lost of it, so its failure is its own.
    await expect(router.execute(READ, never())).rejects.toMatchObject({ code: failure.code });
    hang.reject(new Error('the test is over'));
  });

  test('waits while the router that was lost is still at work on it', async () => {
    let asked = 0;
    const hang = Promise.withResolvers<never>();
    const service = await serving(async () => {
      asked += 1;
      if (asked === 1) return hang.promise;
      if (asked < 4) throw new AppError('idempotency_in_progress', 'at work', { retryable: true });
      return RESPONSE;
    });
    const router = createRemoteToolRouter(service.connect({ silenceMs: 200 }));
    expect(await router.execute(REQUEST, never())).toEqual(RESPONSE);
    expect(asked).toBe(4);
    hang.reject(new Error('the test is over'));
  });

  test('never heard is told as such after a while; perhaps heard, as unknown', async () => {
    const gone = createRemoteToolRouter(
      createRpcConnection({ url: 'http://127.0.0.1:1', token: TOKEN }),
      quick,
    );
    await expect(gone.execute(REQUEST, never())).rejects.toMatchObject({
      code: 'unavailable',
      retryable: true,
    });
    const hang = Promise.withResolvers<never>();
    const service = await serving(() => hang.promise);
    const router = createRemoteToolRouter(service.connect({ silenceMs: 100 }), quick);
    await expect(router.execute(REQUEST, never())).rejects.toMatchObject({ code: 'outcome_unknown' });
    await expect(router.execute(READ, never())).rejects.toMatchObject({ code: 'unavailable' });
    hang.reject(new Error('the test is over'));
  });

  test('a caller that is gone ends its call', async () => {
    const ended = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    const service = await serving(async (_, { signal }) => {
      begun.resolve();
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      ended.resolve();
      return RESPONSE;
    });
    const line = new AbortController();
    const { tool, action, input, context, actor } = REQUEST;
    const asking = service.connect().call(
      TOOL_ROUTER_RPC.executeTool,
      {
        call_id: 'a'.repeat(16),
        tool,
        action,
        input,
        context,
        actor,
        idempotency_key: 'key',
        execution_id: null,
        epoch: null,
        investigation_id: null,
        envelope: null,
      },
      line.signal,
    );
    await begun.promise;
    line.abort();
    await expect(asking).rejects.toMatchObject({ code: 'cancelled' });
    await ended.promise;
  });
});

test('a call that does not end when it is told to keeps no service from ending', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    const begun = Promise.withResolvers<void>();
    const service = await serving(() => {
      begun.resolve();
      return new Promise(() => {});
    });
    services.pop();
    const asked = createRemoteToolRouter(service.connect(), { writePatienceMs: 0 }).execute(REQUEST, never());
    const heard = asked.catch((error: unknown) => error);
    await begun.promise;
    const closed = service.server.close(1000);
    await vi.advanceTimersByTimeAsync(21_000);
    await closed;
    expect(await heard).toMatchObject({ code: 'outcome_unknown' });
  } finally {
    vi.useRealTimers();
  }
});

test('a service that is told to end lets calls end, begins none, and says so', async () => {
  const finish = Promise.withResolvers<ToolResponse>();
  const begun = Promise.withResolvers<void>();
  const service = await serving(() => {
    begun.resolve();
    return finish.promise;
  });
  const router = createRemoteToolRouter(service.connect(), { patienceMs: 0 });
  const running = router.execute(REQUEST, never());
  await begun.promise;
  const closing = service.server.close(60_000);
  await expect(router.execute(READ, never())).rejects.toMatchObject({
    code: 'unavailable',
    retryable: true,
    details: { reason: 'draining', effect: 'none' },
  });
  expect((await fetch(`${service.url}/readyz`)).status).toBe(503);
  finish.resolve(RESPONSE);
  expect(await running).toEqual(RESPONSE);
  await closing;
});

test('a resource that changes between two parts is not put together from both', async () => {
  const whole = [Buffer.from('{"a":1}'), Buffer.from('{"b":2}')];
  let asked = 0;
  const service = await openTestService([
    serve(TOOL_ROUTER_RPC.getResource, async ({ offset }) => {
      const bytes = whole[Math.min(asked++, 1)] ?? Buffer.alloc(0);
      const end = Math.min(bytes.length, offset + 4);
      return {
        media_type: 'application/json' as const,
        sha256: createHash('sha256').update(bytes).digest('hex'),
        bytes: bytes.length,
        offset,
        content: bytes.subarray(offset, end).toString('base64'),
        next_offset: end < bytes.length ? end : null,
      };
    }),
  ]);
  services.push(service);
  const router = createRemoteToolRouter(service.connect());
  const read = () => router.getResource('acme', { kind: 'call', key: 'key' }, new AbortController().signal);
  await expect(read()).rejects.toMatchObject({ code: 'unavailable', retryable: true });
  expect(await read()).toEqual({ b: 2 });
});

test('a caller that does not read is sent no pings on top of what it has not read', async () => {
  const full = Promise.withResolvers<void>();
  const warnings: string[] = [];
  const warn = ({ name }: Error): void => void warnings.push(name);
  process.on('warning', warn);
  const service = await openTestService(
    [
      serve(TOOL_ROUTER_RPC.streamToolLogs, async (_, { send }) => {
        const text = 'x'.repeat(1024 * 1024);
        for (let seq = 1; ; seq += 1) {
          const timer = setTimeout(full.resolve, 500);
          await send({ kind: 'log', seq, stream: 'stdout', text });
          clearTimeout(timer);
        }
      }),
    ],
    { signOfLifeMs: 5 },
  );
  services.push(service);
  const reader = request(new URL('/v1/rpc/StreamToolLogs', service.url), {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${TOKEN}` },
  });
  reader.on('response', (answer) => answer.pause());
  reader.on('error', () => {});
  reader.end(JSON.stringify({ call_id: 'a'.repeat(16) }));
  await full.promise;
  reader.destroy();
  process.off('warning', warn);
  expect(warnings).toEqual([]);
});

test('a call and a stream that say nothing for long are not lost while the service gives signs of life', async () => {
  const silenceMs = 400;
  const service = await serving(
    async (_, { onOutput }) => {
      await new Promise((resolve) => setTimeout(resolve, 3 * silenceMs));
      onOutput?.({ stream: 'stdout', text: 'late' });
      return RESPONSE;
    },
    { signOfLifeMs: 50 },
  );
  const router = createRemoteToolRouter(service.connect({ silenceMs }), {
    patienceMs: 0,
    writePatienceMs: 0,
  });
  const chunks: string[] = [];
  const onOutput = ({ text }: { readonly text: string }): void => void chunks.push(text);
  expect(await router.execute(REQUEST, { ...never(), onOutput })).toEqual(RESPONSE);
  expect(chunks).toEqual(['late']);
});
