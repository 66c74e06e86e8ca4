import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ALERT_LABELS, renderWebhook, type AlertmanagerWebhook } from './alert.ts';
import { readLines } from './read-lines.ts';
import { renderServiceMetrics } from './service-metrics.ts';

const missing = (program: string) => spawnSync(program, ['--version']).error !== undefined;
const mustRun = process.env['CI'] === 'true';

describe.skipIf(missing('prometheus-alertmanager') && !mustRun)('beside a real Alertmanager', () => {
  const annotations = { summary: 'Requests to checkout fail', description: 'status 504' };
  let directory: string;
  let hook: Server;
  let alertmanager: ChildProcess;
  let alertmanagerUrl: string;
  let received: (webhook: AlertmanagerWebhook, authorization: string | undefined) => void = () => undefined;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'alertmanager '));
    hook = createServer((request, response) => {
      let text = '';
      request.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      request.on('end', () => {
        response.end();
        received(JSON.parse(text) as AlertmanagerWebhook, request.headers.authorization);
      });
    });
    await new Promise<void>((resolve) => hook.listen(0, '127.0.0.1', resolve));
    const { port } = hook.address() as AddressInfo;
    const config = {
      route: {
        receiver: 'carapulse',
        group_by: ['alertname', 'service'],
        group_wait: '0s',
        group_interval: '1s',
        repeat_interval: '1s',
      },
      receivers: [
        {
          name: 'carapulse',
          webhook_configs: [
            {
              url: `http://127.0.0.1:${port}/`,
              http_config: { authorization: { credentials: 'tell' } },
            },
          ],
        },
      ],
    };
    await writeFile(join(directory, 'config.yml'), JSON.stringify(config));
    alertmanager = spawn(
      'prometheus-alertmanager',
      [
        `--config.file=${join(directory, 'config.yml')}`,
        `--storage.path=${directory}`,
        '--web.listen-address=127.0.0.1:0',
        '--web.external-url=http://alertmanager.example/',
        '--cluster.listen-address=',
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    alertmanagerUrl = await new Promise<string>((resolve, reject) => {
      const seen: string[] = [];
      alertmanager.once('error', reject);
      alertmanager.once('exit', () => reject(new Error(`Alertmanager ended: ${seen.join('\n')}`)));
      if (alertmanager.stderr === null) throw new Error('stderr is piped');
      readLines(alertmanager.stderr, (line) => {
        seen.push(line);
        const address = /Listening on.*address=(\S+)/.exec(line)?.[1];
        if (address !== undefined) resolve(`http://${address}`);
      });
    });
  });

  afterEach(async () => {
    if (alertmanager.exitCode === null && alertmanager.pid !== undefined) {
      alertmanager.kill('SIGKILL');
      await once(alertmanager, 'exit');
    }
    await new Promise((resolve) => hook.close(resolve));
    await rm(directory, { recursive: true });
  });

  /** Hands one alert to Alertmanager and resolves with the webhook and bearer that it sends for it. */
  async function throughAlertmanager(startsAt: string, endsAt: string | null) {
    const status = endsAt === null ? 'firing' : 'resolved';
    const sent = new Promise<[AlertmanagerWebhook, string | undefined]>((resolve) => {
      received = (webhook, authorization) => {
        if (webhook.status === status) resolve([webhook, authorization]);
      };
    });
    const alert = {
      labels: ALERT_LABELS,
      annotations,
      startsAt,
      generatorURL: 'http://platform.example/probes/checkout',
      ...(endsAt === null ? {} : { endsAt }),
    };
    const answer = await fetch(`${alertmanagerUrl}/api/v2/alerts`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify([alert]),
    });
    expect(answer.status).toBe(200);
    return sent;
  }

  test('our webhook is, field for field, what it sends for the same alert', async () => {
    const startsAt = new Date(Date.now() - 5000).toISOString();
    const [firing, bearer] = await throughAlertmanager(startsAt, null);
    expect(bearer).toBe('Bearer tell');
    expect(
      comparable(renderWebhook({ startsAt, endsAt: null, annotations }, 'http://platform.example')),
    ).toEqual(comparable(firing));
    const endsAt = new Date(Date.now() - 1000).toISOString();
    const [resolved] = await throughAlertmanager(startsAt, endsAt);
    expect(comparable(renderWebhook({ startsAt, endsAt, annotations }, 'http://platform.example'))).toEqual(
      comparable(resolved),
    );
  });

  /** Go leaves trailing zeros off fractions of a second, and its own address is not ours. */
  const comparable = (webhook: AlertmanagerWebhook) => ({
    ...webhook,
    externalURL: 'its own',
    alerts: webhook.alerts.map((alert) => ({
      ...alert,
      startsAt: Date.parse(alert.startsAt),
      endsAt: Date.parse(alert.endsAt),
    })),
  });
});

describe.skipIf(missing('promtool') && !mustRun)('with promtool', () => {
  test('the metrics of the service are clean', () => {
    const counts = new Map([
      [200, 3],
      [504, 1],
    ]);
    const input = renderServiceMetrics(counts, '0123456789abcdef');
    const { status, stderr } = spawnSync('promtool', ['check', 'metrics'], { input, encoding: 'utf8' });
    expect(stderr).toBe('');
    expect(status).toBe(0);
  });
});
