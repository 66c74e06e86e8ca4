import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JsonObject } from '@carapulse/kernel';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fetchEgress, instanceSession, startServer, type TestServer } from '../server-session.testing.ts';
import { prometheus } from './index.ts';

const PROGRAM = '/usr/bin/prometheus';
const present = existsSync(PROGRAM) || process.env['CI'] === 'true';

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

describe.runIf(present)('prometheus', () => {
  let directory: string;
  let server: TestServer | undefined;
  let port: number;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'carapulse-prometheus-'));
    port = await freePort();
    writeFileSync(
      join(directory, 'rules.yml'),
      'groups: [{name: a, interval: 1s, rules: [{alert: Always, expr: vector(1), labels: {severity: page}}]}]\n',
    );
    writeFileSync(
      join(directory, 'prometheus.yml'),
      [
        'global: {scrape_interval: 1s, evaluation_interval: 1s}',
        'rule_files: [rules.yml]',
        `scrape_configs: [{job_name: self, static_configs: [{targets: ['127.0.0.1:${port}']}]}]`,
        '',
      ].join('\n'),
    );
    server = await startServer(
      PROGRAM,
      [
        `--config.file=${join(directory, 'prometheus.yml')}`,
        `--storage.tsdb.path=${join(directory, 'data')}`,
        `--web.listen-address=127.0.0.1:${port}`,
      ],
      /Server is ready to receive web requests/,
    );
  });
  afterAll(async () => {
    await server?.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  const run = async (action: string, input: JsonObject): Promise<JsonObject> => {
    const url = `http://127.0.0.1:${port}`;
    const session = instanceSession(prometheus, url, action, { instance: 'main', ...input }, fetchEgress);
    return (await session.run()) as JsonObject;
  };
  /** Asks until the answer has something; the test's own time limit ends it. */
  const eventually = async (action: string, input: JsonObject): Promise<JsonObject> => {
    for (;;) {
      const output = await run(action, input);
      if (output['empty'] === false) return output;
    }
  };

  test('query gives scalars, vectors, emptiness and what JSON has no number for', async () => {
    expect(await run('query', { query: '1 + 1' })).toMatchObject({
      result_type: 'scalar',
      empty: false,
      samples: [{ value: 2, text: '2' }],
    });
    expect(await run('query', { query: 'vector(0) / 0' })).toMatchObject({
      samples: [{ value: null, text: 'NaN' }],
    });
    expect(await run('query', { query: 'nothing_like_this' })).toMatchObject({ empty: true, samples: [] });
    const up = await eventually('query', { query: 'up{job="self"} == 1' });
    expect(up['samples']).toMatchObject([{ labels: { job: 'self' }, value: 1 }]);
  });

  test('query tells when what it answers with was scraped, not when it was asked', async () => {
    await eventually('query', { query: 'up' });
    const ages = new Set<unknown>();
    while (ages.size < 3) ages.add((await run('query', { query: 'up{job="self"} # all' }))['sample_age_ms']);
    for (const age of ages) expect(age).toBeLessThan(60_000);
    expect(Math.max(...([...ages] as number[]))).toBeGreaterThan(0);
    expect(await run('query', { query: 'vector(1)' })).toMatchObject({ sample_age_ms: 0 });
    expect(await run('query', { query: '1 + 1' })).not.toHaveProperty('sample_age_ms');
    expect(await run('query', { query: 'nothing_like_this' })).not.toHaveProperty('sample_age_ms');
    const then = new Date().toISOString();
    expect(await run('query', { query: 'vector(1)', time: then })).not.toHaveProperty('sample_age_ms');
  });

  test('a window of what was scraped, of what is computed, of no traffic, and of several series', async () => {
    await eventually('query', { query: 'up == 1' });
    const window = (query: string, statistic = 'max') =>
      run('window', { query, window_seconds: 30, statistic, min_samples: 2 });
    let seen: JsonObject = {};
    while (seen['value'] === undefined) seen = await window('up{job="self"}');
    expect(seen).toMatchObject({ value: 1, series: 1, because: '' });
    expect(seen['sample_age_ms']).toBeGreaterThanOrEqual(30_000);
    expect(await window('vector(2) * 3', 'p95')).toMatchObject({ value: 6, samples: 31 });
    expect(await window('2 + 2')).toMatchObject({ value: 4 });
    expect(await window('vector(0) / 0')).toMatchObject({ samples: 0, not_numbers: 31, series: 1 });
    expect(await window('prometheus_http_requests_total')).not.toHaveProperty('value');
    expect(await window('nothing_like_this')).toMatchObject({ empty: true, series: 0 });
    expect(await window('quantile_over_time(0.95, vector(1)[10s:1s])')).toMatchObject({
      sample_age_ms: 40_000,
    });
  });

  test('query_range, series, targets and alerts are typed', async () => {
    await eventually('query', { query: 'up == 1' });
    const end = new Date();
    const range = {
      start: new Date(end.getTime() - 60_000).toISOString(),
      end: new Date(end.getTime() + 5000).toISOString(),
    };
    const up = await eventually('query_range', { query: 'up', step_ms: 1000, ...range });
    expect(up['series']).toMatchObject([
      { labels: { __name__: 'up' }, points: expect.arrayContaining([expect.objectContaining({ value: 1 })]) },
    ]);
    expect((await eventually('series', { match: ['up'] }))['series']).toMatchObject([
      { __name__: 'up', job: 'self' },
    ]);
    expect((await run('targets', {}))['targets']).toMatchObject([
      { job: 'self', health: 'up', last_error: '' },
    ]);
    expect((await eventually('alerts', {}))['alerts']).toMatchObject([
      { name: 'Always', state: 'firing', labels: { severity: 'page' } },
    ]);
  });

  test('a wrong question is permanent, a server that is not there is not', async () => {
    await expect(run('query', { query: 'sum(' })).rejects.toMatchObject({
      code: 'tool_failed',
      retryable: false,
      details: { class: 'permanent', error_type: 'bad_data' },
    });
    const gone = instanceSession(
      prometheus,
      `http://127.0.0.1:${await freePort()}`,
      'targets',
      { instance: 'main' },
      fetchEgress,
    );
    await expect(gone.run()).rejects.toMatchObject({ code: 'unavailable', retryable: true });
  });
});
