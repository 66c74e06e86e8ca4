import { afterEach, beforeEach, expect, test } from 'vitest';
import { ask } from './client.testing.ts';
import { startFakeGrafana, type FakeGrafana } from './start-fake-grafana.ts';

let grafana: FakeGrafana;
beforeEach(async () => {
  grafana = await startFakeGrafana();
});
afterEach(() => grafana.stop());

const editor = (method: string, path: string, body?: object) =>
  ask(grafana, grafana.tokens.editor, [method, path], body);

test('health needs no token, everything else a good one, and a viewer writes nothing', async () => {
  expect(await ask(grafana, '', ['GET', '/api/health'])).toMatchObject({
    status: 200,
    body: { database: 'ok' },
  });
  expect(await ask(grafana, '', ['GET', '/api/annotations'])).toMatchObject({ status: 401 });
  expect(await ask(grafana, 'wrong', ['GET', '/api/annotations'])).toMatchObject({
    status: 401,
    body: { message: 'Invalid API key' },
  });
  const viewer = grafana.tokens.viewer;
  expect(await ask(grafana, viewer, ['GET', '/api/datasources'])).toMatchObject({
    body: [{ uid: 'prometheus' }],
  });
  expect(await ask(grafana, viewer, ['POST', '/api/annotations'], { text: 'x' })).toMatchObject({
    status: 403,
    body: { message: expect.stringContaining('annotations:create') },
  });
  expect(grafana.annotations.size).toBe(0);
});

test('an annotation is made, found by its tags, changed where it says, and removed', async () => {
  const made = await editor('POST', '/api/annotations', { text: 'rollout', tags: ['a', 'b'], time: 1000 });
  expect(made).toMatchObject({ status: 200, body: { message: 'Annotation added', id: 1 } });
  await editor('POST', '/api/annotations', { text: 'other', tags: ['a'], time: 5000 });
  expect(await editor('GET', '/api/annotations?tags=a&tags=b')).toMatchObject({ body: [{ id: 1 }] });
  expect(await editor('GET', '/api/annotations?tags=a&from=2000')).toMatchObject({ body: [{ id: 2 }] });
  expect(await editor('GET', '/api/annotations?tags=b&tags=a&matchAny=true')).toMatchObject({
    body: [{ id: 2 }, { id: 1 }],
  });
  await editor('PATCH', '/api/annotations/1', { timeEnd: 3000 });
  expect(grafana.annotations.get(1)).toMatchObject({
    text: 'rollout',
    tags: ['a', 'b'],
    time: 1000,
    timeEnd: 3000,
  });
  expect(await editor('DELETE', '/api/annotations/1')).toMatchObject({ status: 200 });
  expect(grafana.annotations.has(1)).toBe(false);
  expect(await editor('GET', '/api/annotations/1')).toMatchObject({ status: 404 });
  expect(await editor('PATCH', '/api/annotations/1', {})).toMatchObject({ status: 404 });
  expect(await editor('DELETE', '/api/annotations/1')).toMatchObject({ status: 200 });
  expect(await editor('POST', '/api/annotations', {})).toMatchObject({ status: 400 });
});

test('queries are answered by frames, and one that is wrong by its error', async () => {
  const labels = { job: 'shop' };
  grafana.answers.set('up', [
    {
      kind: 'series',
      labels,
      points: [
        [1000, 1],
        [2000, 0],
      ],
    },
  ]);
  grafana.answers.set('up{', [{ kind: 'error', status: 400, error: 'parse error: unexpected end of input' }]);
  const query = (refId: string, expr: string, uid = 'prometheus') => ({ refId, expr, datasource: { uid } });
  const good = await editor('POST', '/api/ds/query', {
    from: 'now-1h',
    to: 'now',
    queries: [query('A', 'up')],
  });
  expect(good).toMatchObject({
    status: 200,
    body: {
      results: {
        A: {
          status: 200,
          frames: [
            {
              schema: { refId: 'A' },
              data: {
                values: [
                  [1000, 2000],
                  [1, 0],
                ],
              },
            },
          ],
        },
      },
    },
  });
  expect(
    await editor('POST', '/api/ds/query', { queries: [query('A', 'up'), query('B', 'up{')] }),
  ).toMatchObject({
    status: 400,
    body: {
      results: { A: { status: 200 }, B: { status: 400, error: expect.stringContaining('parse error') } },
    },
  });
  expect(await editor('POST', '/api/ds/query', { queries: [query('A', 'up', 'gone')] })).toMatchObject({
    status: 404,
  });
});

test('faults: refused changes nothing, lost takes effect unseen, hung up has no answer, and each is used up', async () => {
  const post = () => editor('POST', '/api/annotations', { text: 'x' });
  grafana.fail({ how: 'refuse', reply: { status: 503, body: 'unavailable' } });
  expect(await post()).toMatchObject({ status: 503, body: 'unavailable' });
  expect(grafana.annotations.size).toBe(0);
  grafana.fail({ how: 'lose', reply: { status: 504, body: 'timeout' } });
  expect(await post()).toMatchObject({ status: 504 });
  expect(grafana.annotations.size).toBe(1);
  grafana.fail({ how: 'hang up', times: 1, on: ({ method }) => method === 'POST' });
  expect(await editor('GET', '/api/annotations')).toMatchObject({ status: 200 });
  await expect(post()).rejects.toThrow('fetch failed');
  expect(grafana.annotations.size).toBe(1);
  expect(await post()).toMatchObject({ status: 200 });
  expect(grafana.requests.map(({ method }) => method)).toEqual(['POST', 'POST', 'GET', 'POST', 'POST']);
});

test('a slow answer is given up by who waits too short, and stop does not wait for it', async () => {
  grafana.fail({ how: 'slow', delayMs: 3_600_000 });
  const asked = fetch(`${grafana.url}/api/health`, { signal: AbortSignal.timeout(50) });
  await expect(asked).rejects.toMatchObject({ name: 'TimeoutError' });
  await grafana.stop();
  await expect(fetch(`${grafana.url}/api/health`)).rejects.toThrow('fetch failed');
});
