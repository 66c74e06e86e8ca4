import { startFakeGrafana, type FakeGrafana } from '@carapulse/example-testbed/fakes';
import type { JsonObject } from '@carapulse/kernel';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { HOSTILE_BODY, HOSTILE_TITLES } from './src/hostile-requests.ts';
import { FORGE_HOST, refusalOf, ToolWorld } from './src/tool-world.ts';

const START = '2026-03-01T10:00:00.000Z';
const END = '2026-03-01T10:15:00.000Z';
const ANNOTATE = { key: 'shop-deploy-1', start: START, end: END, tags: ['shop'], text: 'Rolled back' };

let world: ToolWorld;
let grafana: FakeGrafana;
let section: JsonObject;
beforeAll(async () => {
  world = await ToolWorld.open(null);
});
afterAll(() => world?.close());
beforeEach(async () => {
  grafana = await startFakeGrafana();
  section = {
    url: `http://${FORGE_HOST}:${new URL(grafana.url).port}`,
    egress: 'private',
    token: grafana.tokens.editor,
  };
});
afterEach(() => grafana.stop());

const call = (action: string, input: JsonObject, over: JsonObject = {}) => ({
  tool: 'grafana',
  section: { ...section, ...over },
  action,
  input,
});
const run = (action: string, input: JsonObject, over?: JsonObject) => world.run(call(action, input, over));
const refused = (action: string, input: JsonObject, over?: JsonObject) => refusalOf(run(action, input, over));

test('health and data sources are told, the latter without what they hide', async () => {
  expect(await run('health', {})).toEqual({ instance: 'main', healthy: true, version: '12.4.0' });
  grafana.fail({ how: 'refuse', reply: { status: 503, body: { database: 'failing', version: '12.4.0' } } });
  expect(await run('health', {})).toMatchObject({ healthy: false });
  const body = [{ uid: 'p', name: 'P', type: 'postgres', url: 'db:5432', password: 'hidden', user: 'u' }];
  grafana.fail({ how: 'refuse', reply: { status: 200, body } });
  expect(await run('datasources', {})).toEqual({
    instance: 'main',
    empty: false,
    datasources: [{ uid: 'p', name: 'P', type: 'postgres' }],
  });
});

test('a query gives typed series within bounds, and tells nothing from no data', async () => {
  const point = (index: number) => [Date.parse(START) + index * 1000, index] as const;
  grafana.answers.set('up', [
    { kind: 'series', labels: { job: 'shop' }, points: [point(0), point(1)] },
    {
      kind: 'series',
      labels: { job: 'many' },
      points: Array.from({ length: 20 }, (_, index) => point(index)),
    },
  ]);
  grafana.answers.set('bad{', [{ kind: 'error', status: 400, error: 'parse error: unclosed brace' }]);
  const range = { datasource: 'prometheus', start: START, end: END };
  const found = await run('query', { ...range, expr: 'up', max_points: 10 });
  expect(found).toMatchObject({
    empty: false,
    complete: false,
    series: [
      { name: 'Value', labels: { job: 'shop' }, points: [{ at: START, value: 0 }, { value: 1 }] },
      { labels: { job: 'many' }, points: { length: 12, 11: { value: 19 } } },
    ],
  });
  expect(grafana.requests.at(-1)?.body).toEqual({
    queries: [
      {
        refId: 'A',
        datasource: { uid: 'prometheus' },
        expr: 'up',
        range: true,
        instant: false,
        maxDataPoints: 10,
        intervalMs: 90_000,
      },
    ],
    from: String(Date.parse(START)),
    to: String(Date.parse(END)),
  });
  expect(await run('query', { ...range, expr: 'none' })).toEqual({
    instance: 'main',
    empty: true,
    complete: true,
    series: [],
  });
  expect(await refused('query', { ...range, expr: 'bad{' })).toMatchObject({
    message: expect.stringContaining('parse error: unclosed brace') as string,
    details: { class: 'permanent', status: 400 },
  });
  expect(await refused('query', { ...range, datasource: 'gone', expr: 'up' })).toMatchObject({
    details: { status: 404 },
  });
  await expect(run('query', { ...range, expr: 'up', rawSql: 'drop table x' })).rejects.toThrow(/rawSql/);
});

test('an annotation is made once under its key, found by its tag, and deleted by it alone', async () => {
  await run('annotate', { ...ANNOTATE, key: 'shop-deploy-2', text: 'another' });
  expect(await world.observe(call('annotate', ANNOTATE))).toBe('not_done');
  const made = await run('annotate', ANNOTATE);
  expect(made).toEqual({
    instance: 'main',
    annotation: {
      id: 2,
      start: START,
      end: END,
      text: 'Rolled back',
      tags: ['shop', 'carapulse:shop-deploy-1'],
      dashboard_uid: null,
    },
  });
  expect(await run('annotate', ANNOTATE)).toEqual(made);
  expect(await world.readBack(call('annotate', ANNOTATE))).toEqual(made);
  expect(await world.observe(call('annotate', { ...ANNOTATE, dashboard_uid: 'shop' }))).toBe('not_done');
  expect(grafana.annotations.size).toBe(2);
  const shop = { start: START, end: END, tags: ['shop'] };
  expect(await run('annotations', shop)).toMatchObject({ complete: true, annotations: { length: 2 } });
  expect(await run('annotations', { ...shop, limit: 2 })).toMatchObject({ complete: false });
  expect(await run('annotations', { ...shop, tags: ['other'] })).toMatchObject({ empty: true });

  expect(await run('delete_annotation', { key: ANNOTATE.key })).toEqual({ instance: 'main', deleted: [2] });
  expect(await run('delete_annotation', { key: ANNOTATE.key })).toEqual({ instance: 'main', deleted: [] });
  expect([...grafana.annotations.keys()]).toEqual([1]);
});

test('an annotation without a start is put at the instant at which Grafana takes it, and found by its key', async () => {
  const { start: _start, end: _end, ...now } = ANNOTATE;
  const before = Date.now();
  const made = (await run('annotate', now)) as { annotation: { start: string; end: null } };
  expect(grafana.requests.find(({ method }) => method === 'POST')?.body).not.toHaveProperty('time');
  expect(Date.parse(made.annotation.start)).toBeGreaterThanOrEqual(before);
  expect(made.annotation.end).toBeNull();
  expect(await run('annotate', now)).toEqual(made);
  expect(await run('annotations', { key: ANNOTATE.key })).toMatchObject({ annotations: [{ id: 1 }] });
  expect(await run('annotations', { key: 'shop-deploy-9' })).toMatchObject({ empty: true });
  await expect(run('annotate', { ...now, key: 'shop-deploy-3', end: END })).rejects.toThrow('needs a start');
});

test('a Grafana that is away before it is asked to annotate has certainly done nothing', async () => {
  grafana.fail({ how: 'refuse', reply: { status: 503 } });
  expect(await refused('annotate', ANNOTATE)).toMatchObject({
    retryable: true,
    details: { class: 'transient', effect: 'none' },
  });
  grafana.fail({ how: 'hang up' });
  expect(await refused('annotate', ANNOTATE)).toMatchObject({ details: { effect: 'none' } });
});

test('an annotation that was taken and can’t be read back is no annotation that wasn’t made', async () => {
  let reads = 0;
  grafana.fail({
    on: ({ method }) => method === 'GET' && (reads += 1) === 2,
    how: 'refuse',
    reply: { status: 403, body: { message: 'no' } },
  });
  const half = await refused('annotate', ANNOTATE);
  expect(half).toMatchObject({ code: 'tool_failed' });
  expect(half['details']).not.toHaveProperty('effect');
  expect(await world.observe(call('annotate', ANNOTATE))).toBe('done');
});

test('an instant on a dashboard has no end, and belongs to that dashboard', async () => {
  const { end: _, ...instant } = ANNOTATE;
  const onDashboard = { ...instant, dashboard_uid: 'shop' };
  expect(await run('annotate', onDashboard)).toMatchObject({
    annotation: { end: null, dashboard_uid: 'shop' },
  });
  expect(await run('delete_annotation', { key: ANNOTATE.key })).toMatchObject({ deleted: [] });
  expect(await run('delete_annotation', { key: ANNOTATE.key, dashboard_uid: 'shop' })).toMatchObject({
    deleted: [1],
  });
});

test('refusals keep their meaning', async () => {
  expect(await refused('datasources', {}, { token: 'wrong' })).toMatchObject({
    message: expect.stringContaining('Invalid API key') as string,
    details: { class: 'permanent', status: 401, effect: 'none' },
  });
  expect(await refused('annotate', ANNOTATE, { token: grafana.tokens.viewer })).toMatchObject({
    details: { class: 'permanent', status: 403, effect: 'none' },
  });
  const limited = { status: 429, headers: { 'retry-after': '7' }, body: { message: 'slow down' } };
  grafana.fail({ how: 'refuse', reply: limited });
  expect(await refused('annotate', ANNOTATE)).toMatchObject({
    retryAfterMs: 7000,
    details: { class: 'throttled', effect: 'none' },
  });
  grafana.fail({ how: 'slow', delayMs: 20_000 });
  expect(await refusalOf(world.run({ ...call('datasources', {}), timeoutMs: 300 }))).toMatchObject({
    code: 'timeout',
  });
});

test('an answer that is lost after the effect is found done', async () => {
  grafana.fail({ on: ({ method }) => method === 'POST', how: 'lose' });
  expect(await refused('annotate', ANNOTATE)).toMatchObject({ code: 'unavailable', retryable: true });
  expect(await world.observe(call('annotate', ANNOTATE))).toBe('done');
  expect(await run('annotate', ANNOTATE)).toMatchObject({ annotation: { id: 1 } });
});

test('a deletion that is refused half way doesn’t say that nothing happened', async () => {
  await run('annotate', ANNOTATE);
  const [first] = grafana.annotations.values();
  const again = { tags: first?.tags, time: 1_800_000_000_000, text: 'twin' };
  await fetch(`${grafana.url}/api/annotations`, {
    method: 'POST',
    headers: { authorization: `Bearer ${grafana.tokens.editor}`, 'content-type': 'application/json' },
    body: JSON.stringify(again),
  });
  let deletions = 0;
  grafana.fail({
    on: ({ method }) => method === 'DELETE' && (deletions += 1) === 2,
    how: 'refuse',
    reply: { status: 403, body: { message: 'no' } },
  });
  const half = await refused('delete_annotation', { key: ANNOTATE.key });
  expect(half).toMatchObject({ details: { status: 403 } });
  expect(half['details']).not.toHaveProperty('effect');
  expect(grafana.annotations.size).toBe(1);
});

test('what a server gives beside what it was asked for is not ours', async () => {
  const other = { id: 9, time: 1_800_000_000_000, text: 'theirs', tags: ['shop'], dashboardUID: '' };
  const unfiltered = (count: number) => ({
    on: ({ method }: { readonly method: string }) => method === 'GET',
    how: 'refuse' as const,
    reply: { status: 200, body: Array.from({ length: count }, () => other) },
  });
  grafana.fail(unfiltered(1));
  expect(await run('delete_annotation', { key: ANNOTATE.key })).toMatchObject({ deleted: [] });
  grafana.fail(unfiltered(100));
  await expect(world.observe(call('annotate', ANNOTATE))).rejects.toMatchObject({
    details: { reason: 'list_too_long' },
  });
  expect(grafana.requests.filter(({ method }) => method !== 'GET')).toEqual([]);
});

test('hostile text stays text, and our tag is ours alone', async () => {
  for (const [index, text] of [...HOSTILE_TITLES, HOSTILE_BODY].entries()) {
    const key = `hostile-key-${index}`;
    expect(await run('annotate', { ...ANNOTATE, key, text })).toMatchObject({ annotation: { text } });
    expect(grafana.annotations.get(index + 1)).toMatchObject({ text });
  }
  const before = grafana.requests.length;
  for (const over of [
    { text: ' ' },
    { text: 'a\u001b[31m' },
    { text: 'x'.repeat(2001) },
    { tags: ['carapulse:another-key'] },
    { tags: ['a\nb'] },
    { key: 'a b' },
    { dashboard_uid: '../x' },
    { end: '2026-02-01T00:00:00Z' },
    { end: '2026-06-01T00:00:00Z' },
  ])
    await expect(run('annotate', { ...ANNOTATE, ...over }), JSON.stringify(over)).rejects.toThrow(/"path"/);
  expect(grafana.requests).toHaveLength(before);
});

test('the token is where it belongs and nowhere else', async () => {
  const output = await run('annotate', ANNOTATE);
  expect(JSON.stringify(output)).not.toContain(grafana.tokens.editor);
  expect(grafana.requests.map(({ headers }) => headers['authorization'])).toEqual([
    `Bearer ${grafana.tokens.editor}`,
    `Bearer ${grafana.tokens.editor}`,
    `Bearer ${grafana.tokens.editor}`,
  ]);
});
