import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JsonObject } from '@carapulse/kernel';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ToolSession } from '../../tool-session.ts';
import { fetchEgress, instanceSession, startServer, type TestServer } from '../server-session.testing.ts';
import { alertmanager } from './index.ts';

const PROGRAM = '/usr/bin/prometheus-alertmanager';
const present = existsSync(PROGRAM) || process.env['CI'] === 'true';

describe.runIf(present)('alertmanager', () => {
  let directory: string;
  let server: TestServer | undefined;
  let url: string;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'carapulse-alertmanager-'));
    writeFileSync(join(directory, 'config.yml'), 'route: {receiver: none}\nreceivers: [{name: none}]\n');
    server = await startServer(
      PROGRAM,
      [
        `--config.file=${join(directory, 'config.yml')}`,
        `--storage.path=${join(directory, 'data')}`,
        '--web.listen-address=127.0.0.1:0',
        '--cluster.listen-address=',
      ],
      /address=(127\.0\.0\.1:[1-9]\d*)\D/,
    );
    url = `http://${server.ready[1]}`;
  });
  afterAll(async () => {
    await server?.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  const session = (action: string, input: JsonObject): ToolSession =>
    instanceSession(alertmanager, url, action, { instance: 'main', ...input }, fetchEgress);
  const run = async (action: string, input: JsonObject = {}): Promise<JsonObject> =>
    (await session(action, input).run()) as JsonObject;
  const silenceOf = (key: string): JsonObject => ({
    key,
    matchers: [{ name: 'alertname', value: `a"b\\c ${key}` }],
    starts_at: new Date(Date.now() - 60_000).toISOString(),
    ends_at: new Date(Date.now() + 3_600_000).toISOString(),
    created_by: 'carapulse',
    comment: 'known and being worked on',
  });

  test('a silence is made once under its key, read back, and ended by it', async () => {
    const input = silenceOf('plan-silence-1');
    expect(await session('silence', input).observe()).toBe('not_done');
    const made = await run('silence', input);
    expect(made['silence']).toMatchObject({
      state: 'active',
      comment: expect.stringContaining('[carapulse:plan-silence-1]'),
    });
    expect(await session('silence', input).observe()).toBe('done');
    expect(await run('silence', input)).toEqual(made);
    expect(await session('silence', input).readBack()).toEqual(made);
    const { id } = made['silence'] as { id: string };
    const key = { key: 'plan-silence-1' };
    expect(await run('expire_silence', key)).toMatchObject({ expired: [id], already_expired: [] });
    expect(await run('expire_silence', key)).toMatchObject({ expired: [], already_expired: [id] });
    expect(await session('silence', input).observe()).toBe('done');
    const listed = await run('silences', { include_expired: true });
    expect(listed['silences']).toMatchObject([{ id, state: 'expired' }]);
  });

  test('alerts are listed with what silences them', async () => {
    const labels = { alertname: 'a"b\\c plan-silence-2', service: 'shop' };
    const posted = await fetch(`${url}/api/v2/alerts`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify([{ labels, annotations: { summary: 'down' } }]),
    });
    expect(posted.status).toBe(200);
    const made = await run('silence', silenceOf('plan-silence-2'));
    const filter = { filter: ['service="shop"'] };
    let alerts = await run('alerts', filter);
    while (JSON.stringify(alerts).includes('"silenced_by":[]') || alerts['empty'] === true)
      alerts = await run('alerts', filter);
    expect(alerts['alerts']).toMatchObject([
      { labels, state: 'suppressed', silenced_by: [(made['silence'] as { id: string }).id] },
    ]);
    expect(await run('alerts', { filter: ['service="other"'] })).toMatchObject({ empty: true });
  });

  test('a silence that is over is refused for good, without effect', async () => {
    const over = { ...silenceOf('plan-silence-3'), ends_at: new Date(Date.now() - 1000).toISOString() };
    await expect(run('silence', over)).rejects.toMatchObject({
      code: 'tool_failed',
      retryable: false,
      details: { class: 'permanent', effect: 'none', status: 400 },
    });
    expect(await session('silence', over).observe()).toBe('not_done');
  });
});
