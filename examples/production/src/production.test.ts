import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { AlertmanagerWebhook } from './alert.ts';
import { nextEvent } from './events.ts';
import { git } from './git.ts';
import { createProduction, type LocalProduction } from './production.ts';

interface Received {
  readonly authorization: string | undefined;
  readonly body: AlertmanagerWebhook;
}

let directory: string;
let production: LocalProduction;
let life: AbortController;
let hook: Server;
let answerWith = 200;
const received: Received[] = [];
const limit = () => AbortSignal.timeout(20_000);

beforeEach(async () => {
  answerWith = 200;
  received.length = 0;
  hook = createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    request.on('end', () => {
      received.push({ authorization: request.headers.authorization, body: JSON.parse(text) });
      response.statusCode = answerWith;
      response.end();
    });
  });
  await new Promise<void>((resolve) => hook.listen(0, '127.0.0.1', resolve));
  directory = await mkdtemp(join(tmpdir(), 'little production '));
  life = new AbortController();
  production = await createProduction({ directory, signal: life.signal });
});

afterEach(async () => {
  await production.stop();
  await new Promise((resolve) => hook.close(resolve));
  await rm(directory, { recursive: true });
});

interface Application {
  readonly status: { readonly sync: { readonly revision: string } };
}
interface Items {
  readonly items: readonly {
    readonly revision: string;
    readonly ok: boolean;
    readonly sequence: number;
    at: string;
  }[];
}

async function read<T = Items>(path: string): Promise<T> {
  const answer = await fetch(`${production.endpoints.platform}${path}`);
  return (await answer.json()) as T;
}
const checkout = (path: string) => fetch(`${production.endpoints.checkout}${path}`);
const logged = async (): Promise<Record<string, unknown>[]> => {
  const text = await (
    await fetch(`${production.endpoints.platform}/applications/checkout/logs?tail=50`)
  ).text();
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
};

const listen = () => {
  const { port } = hook.address() as AddressInfo;
  return production.setAlertReceiver({ url: `http://127.0.0.1:${port}/hook`, token: 'tell' }, limit());
};

/** What an operator does: revert in a clone of one's own, and push. */
async function revert(revision: string): Promise<string> {
  const clone = await mkdtemp(join(directory, 'operator '));
  const author = { name: 'Operator', email: 'operator@shop.example', atMs: Date.now() };
  const run = (...args: readonly string[]) => git(['-C', clone, ...args], { signal: limit(), author });
  await git(['clone', '--quiet', production.repository, clone], { signal: limit() });
  await run('revert', '--no-edit', revision);
  await run('push', '--quiet', 'origin', 'HEAD:main');
  return (await run('rev-parse', 'HEAD')).trim();
}

test('a bad commit breaks the service for real, and a reverting push heals it', async () => {
  await listen();
  const bad = await production.pushBadCommit(limit());
  const innocent = await production.pushInnocentCommits(limit());
  const broken = await production.waitUntil('broken', limit());
  expect(broken).toMatchObject({ ok: false, status: 504 });

  expect((await checkout('/healthz')).status).toBe(200);
  const answer = await checkout('/checkout');
  expect(answer.status).toBe(504);
  expect(answer.headers.get('x-revision')).toBe(innocent.at(-1)?.revision);
  const failure = (await logged()).find(({ level }) => level === 'error');
  expect(failure).toMatchObject({
    revision: bad.revision,
    msg: 'checkout failed',
    status: 504,
    error: 'inventory did not answer within 20 ms',
  });

  const reverted = await revert(bad.revision);
  const healthy = await production.waitUntil('healthy', limit(), { revision: reverted });
  expect(healthy).toMatchObject({ ok: true, status: 200, revision: reverted });
  expect((await checkout('/checkout')).status).toBe(200);

  const history = await read('/applications/checkout/history');
  expect(history.items.map(({ revision }) => revision).slice(1)).toEqual([
    bad.revision,
    ...innocent.map(({ revision }) => revision),
    reverted,
  ]);
  const samples = (await read('/probes/checkout')).items;
  expect(samples.find(({ ok }) => !ok)?.revision).toBe(bad.revision);
  expect(await read('/applications/checkout')).toMatchObject({
    status: { sync: { status: 'Synced', revision: reverted }, health: { status: 'Healthy' } },
  });
  expect((await read('/repositories/checkout/pushes')).items).toHaveLength(5);
  const metrics = await (await checkout('/metrics')).text();
  expect(metrics).toMatch(/^http_requests_total\{service="checkout",path="\/checkout",code="200"\} [1-9]/m);
  expect(metrics).toMatch(/^http_requests_total\{service="checkout",path="\/checkout",code="504"\} [1-9]/m);
  expect(metrics).toContain(`checkout_build_info{revision="${reverted}"} 1`);
});

test('an alert fires again and again until it resolves, under its bearer token', async () => {
  await listen();
  await production.breakOutsideGit(limit());
  const taken = (alert: string) =>
    nextEvent(production.events, 'delivery', (one) => one.alert === alert && one.status === 200, limit());
  await taken('firing');
  await taken('firing');
  await production.repairOutsideGit(limit());
  await taken('resolved');
  const [first, second] = received;
  const last = received.at(-1);
  expect(received.every(({ authorization }) => authorization === 'Bearer tell')).toBe(true);
  expect(first?.body.alerts[0]?.labels).toEqual({
    alertname: 'CheckoutErrors',
    environment: 'production',
    service: 'checkout',
    severity: 'critical',
  });
  expect(second?.body).toEqual(first?.body);
  expect(last?.body.status).toBe('resolved');
  expect(last?.body.alerts[0]?.startsAt).toBe(first?.body.alerts[0]?.startsAt);
  expect(last?.body.alerts[0]?.fingerprint).toBe(first?.body.alerts[0]?.fingerprint);
});

test('an alert nobody took is tried again, and one never delivered is not resolved', async () => {
  answerWith = 503;
  await listen();
  const delivery = (status: number) =>
    nextEvent(production.events, 'delivery', (one) => one.status === status, limit());
  const refused = delivery(503);
  await production.breakOutsideGit(limit());
  await refused;
  await delivery(503);
  await production.repairOutsideGit(limit());
  await production.waitUntil('healthy', limit());
  answerWith = 200;
  const taken = delivery(200);
  await production.breakOutsideGit(limit());
  expect((await taken).alert).toBe('firing');
  expect(new Set(received.map(({ body }) => body.status))).toEqual(new Set(['firing']));
});

test('a fault outside Git leaves main alone and names the upstream in the log', async () => {
  await production.breakOutsideGit(limit());
  const sample = await production.waitUntil('broken', limit());
  expect(sample.status).toBe(502);
  expect((await production.pids(limit())).inventory).toBe(0);
  expect((await read('/repositories/checkout/pushes')).items).toEqual([]);
  expect((await logged()).at(-1)).toMatchObject({
    upstream: 'inventory',
    error: expect.stringContaining('ECONNREFUSED'),
  });
  await production.repairOutsideGit(limit());
  expect((await production.waitUntil('healthy', limit())).revision).toBe(sample.revision);
});

test('behind a second fault the revert does not help, and looked right before', async () => {
  const bad = await production.pushBadCommit(limit());
  const before = await production.waitUntil('broken', limit());
  await production.hideSecondFault(limit());
  const after = await nextEvent(production.events, 'sample', () => true, limit());
  expect([before.status, after.status]).toEqual([504, 504]);

  const reverted = await revert(bad.revision);
  for (let count = 0; count < 3; count += 1) {
    const isReverted = ({ revision }: { revision: string | null }) => revision === reverted;
    const sample = await nextEvent(production.events, 'sample', isReverted, limit());
    expect(sample).toMatchObject({ ok: false, status: 504 });
  }
  await production.repairOutsideGit(limit());
  await production.waitUntil('healthy', limit(), { revision: reverted });
});

test('a configuration that the service refuses leaves the one before running', async () => {
  const before = (await read<Application>('/applications/checkout')).status.sync.revision;
  const clone = join(directory, 'developer');
  const author = { name: 'Jun Okafor', email: 'jun@shop.example', atMs: Date.now() };
  const run = (...args: readonly string[]) => git(['-C', clone, ...args], { signal: limit(), author });
  await run('rm', '--quiet', 'services/checkout/config.json');
  await run('commit', '--quiet', '-m', 'Remove what nobody needs');
  const deployment = nextEvent(production.events, 'deployment', () => true, limit());
  await run('push', '--quiet', 'origin', 'HEAD:main');
  expect(await deployment).toMatchObject({
    status: 'failed',
    message: expect.stringContaining('services/checkout/config.json'),
  });
  expect(await read('/applications/checkout')).toMatchObject({
    status: { sync: { status: 'OutOfSync', revision: before }, operationState: { phase: 'Failed' } },
  });
  expect((await checkout('/checkout')).headers.get('x-revision')).toBe(before);
});

test('a service that dies is started again at its address, with the release that ran', async () => {
  const [commit] = await production.pushInnocentCommits(limit());
  const last = (await read('/applications/checkout/history')).items.at(-1)?.revision;
  expect(last).not.toBe(commit?.revision);
  const { checkout: pid } = await production.pids(limit());
  const again = nextEvent(
    production.events,
    'line',
    ({ text }) => text.includes('starting it again'),
    limit(),
  );
  process.kill(pid, 'SIGKILL');
  await again;
  await nextEvent(production.events, 'sample', ({ ok }) => ok, limit());
  const answer = await checkout('/checkout');
  expect(answer.status).toBe(200);
  expect(answer.headers.get('x-revision')).toBe(last);
  expect((await production.pids(limit())).checkout).not.toBe(pid);
});

test('a push while the service is down is deployed once it is back', async () => {
  const down = nextEvent(
    production.events,
    'line',
    ({ text }) => text.includes('starting it again'),
    limit(),
  );
  process.kill((await production.pids(limit())).checkout, 'SIGKILL');
  await down;
  const bad = await production.pushBadCommit(limit());
  expect((await production.waitUntil('broken', limit(), { revision: bad.revision })).status).toBe(504);
});

test('waiting ends with its signal, and with the production', async () => {
  const abort = new AbortController();
  const waiting = production.waitUntil('broken', abort.signal);
  abort.abort();
  await expect(waiting).rejects.toMatchObject({ code: 'cancelled' });
  const orphan = production.waitUntil('broken', limit());
  life.abort();
  await expect(orphan).rejects.toMatchObject({ code: 'cancelled' });
});

test('refuses what it does not understand, and control without the token', async () => {
  const status = async (path: string) => (await fetch(`${production.endpoints.platform}${path}`)).status;
  expect(await status('/applications/checkout/logs?tail=-1')).toBe(400);
  expect(await status('/applications/checkout/logs?tail=1e9')).toBe(400);
  expect(await status('/probes/checkout?since=yesterday')).toBe(400);
  expect(await status('/applications/other')).toBe(404);
  expect(await status('/control/stop')).toBe(401);
});

test('since gives only newer samples', async () => {
  const [first] = (await read('/probes/checkout')).items;
  const newer = (await read(`/probes/checkout?since=${first?.at}`)).items;
  expect(newer[0]?.sequence).toBe((first?.sequence ?? 0) + 1);
});
