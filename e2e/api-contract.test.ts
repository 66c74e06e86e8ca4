import { readEvents } from '@carapulse/client-http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { send } from './src/api.ts';
import type { Assistant } from './src/assistant.ts';
import { asDatabaseOwner } from './src/database-owner.ts';
import { approve, endOf, openWorld, planNow, type World } from './src/world.ts';

let world: World;
let assistant: Assistant;
beforeAll(async () => {
  world = await openWorld();
  assistant = await world.start();
});
afterAll(() => world.close());

const auth = async (name: string) => ({ authorization: `Bearer ${await assistant.token(name)}` });

test('one Idempotency-Key is one effect: the same reply to the same request, 422 to another', async () => {
  const plan = await world.plan(assistant);
  const headers = { ...(await auth('alice')), 'content-type': 'application/json', 'idempotency-key': 'once' };
  const body = JSON.stringify({
    plan_id: plan.plan.plan_id,
    plan_hash: plan.plan.plan_hash,
    verdict: 'approve',
  });
  const post = (content: string) => send(assistant.url, 'POST', '/v1/approvals', { headers, body: content });
  const together = await Promise.all([post(body), post(body), post(body), post(body)]);
  for (const { status } of together) expect([201, 409]).toContain(status);
  const again = await post(body);
  expect(again.status).toBe(201);
  expect(again.headers['idempotency-replayed']).toBe('true');
  for (const each of together.filter(({ status }) => status === 201)) expect(each.text).toBe(again.text);
  expect((await post(body.replace('approve', 'deny'))).status).toBe(422);
  expect((await planNow(assistant, plan.plan.plan_id)).approvals).toHaveLength(1);
  for (const key of ['', 'with space', 'ö', 'x'.repeat(201)]) {
    const odd = { ...headers, 'idempotency-key': Buffer.from(key).toString('latin1') };
    const answer = await send(assistant.url, 'POST', '/v1/approvals', { headers: odd, body });
    expect(answer.status).toBe(400);
  }
});

test('a request whose server died before it answered is not done twice, and nobody waits for it', async () => {
  const { plan } = await world.plan(assistant);
  const cancel = async () =>
    send(assistant.url, 'POST', `/v1/plans/${plan.plan_id}/cancel`, {
      headers: {
        ...(await auth('alice')),
        'content-type': 'application/json',
        'idempotency-key': 'broke-off',
      },
      body: '{"reason":"not needed"}',
    });
  expect((await cancel()).status).toBe(200);
  await assistant.stop();
  await asDatabaseOwner(world, (owner) =>
    owner.query(`update idempotency_keys set response = null where key = 'broke-off'`),
  );
  assistant = await world.start();
  const again = await cancel();
  expect([again.status, (JSON.parse(again.text) as { code: string }).code]).toEqual([409, 'outcome_unknown']);
});

test('an entity tag saves the transfer and guards the change', async () => {
  const { plan } = await world.plan(assistant);
  const path = `/v1/plans/${plan.plan_id}`;
  const headers = await auth('alice');
  const first = await send(assistant.url, 'GET', path, { headers });
  const tag = String(first.headers['etag']);
  const cached = await send(assistant.url, 'GET', path, { headers: { ...headers, 'if-none-match': tag } });
  expect([cached.status, cached.text]).toEqual([304, '']);
  const cancel = (match: string) =>
    send(assistant.url, 'POST', `${path}/cancel`, {
      headers: { ...headers, 'content-type': 'application/json', 'if-match': match },
      body: '{"reason":"not needed"}',
    });
  expect((await cancel('"something else"')).status).toBe(412);
  expect((await cancel(tag)).status).toBe(200);
  expect((await cancel(tag)).status).toBe(412);
});

test('a log goes on after Last-Event-ID where it was, across a restart of the server', async () => {
  const plan = await world.plan(assistant);
  await approve(assistant, plan, 'alice');
  const { execution_id } = await approve(assistant, plan, 'bob');
  const id = execution_id ?? '';
  await endOf(assistant, id);
  const read = async (lastEventId: string, most: number): Promise<readonly string[]> => {
    const cut = new AbortController();
    const response = await assistant
      .as('alice')
      .stream('streamLogs', { params: { execution_id: id }, lastEventId, signal: cut.signal });
    const ids: string[] = [];
    if (response.body !== null)
      for await (const event of readEvents(response.body)) {
        if (event.event === 'stream.end' || ids.length >= most) break;
        ids.push(String((JSON.parse(event.data) as { seq: number }).seq));
      }
    cut.abort();
    return ids;
  };
  const whole = await read('0', Number.POSITIVE_INFINITY);
  expect(whole.length).toBeGreaterThan(4);
  const head = await read('0', 3);
  await assistant.stop();
  assistant = await world.start();
  expect([...head, ...(await read(head.at(-1) ?? '', Number.POSITIVE_INFINITY))]).toEqual(whole);
});

test('who asks too often is told how long to wait', async () => {
  await assistant.stop();
  assistant = await world.start({
    governance: { rate_limits: { admin: 9, operator: 5, developer: 4, observer: 3, anonymous: 2 } },
  });
  const headers = await auth('olga');
  const statuses: number[] = [];
  for (let asked = 0; asked < 5; asked += 1) {
    const answer = await send(assistant.url, 'GET', '/v1/plans', { headers });
    statuses.push(answer.status);
    if (answer.status === 429) expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
  }
  expect(statuses).toEqual([200, 200, 200, 429, 429]);
  expect((await send(assistant.url, 'GET', '/healthz')).status).toBe(200);
});
