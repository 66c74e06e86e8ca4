import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

/** A real Prometheus that scrapes a service and a real Alertmanager that tells a webhook. */
export interface Monitoring {
  readonly prometheusUrl: string;
  stop(): Promise<void>;
}

/** True when they are to be left out: not installed, and this is not CI, where their absence is a failure. */
export function skipWithoutMonitoring(): boolean {
  const missing = ['prometheus', 'prometheus-alertmanager'].some(
    (program) => spawnSync(program, ['--version']).error !== undefined,
  );
  return missing && process.env['CI'] !== 'true';
}

export async function startMonitoring(options: {
  readonly directory: string;
  /** `host:port` of the service. */
  readonly scrape: string;
  readonly webhookUrl: string;
  readonly tokenFile: string;
}): Promise<Monitoring> {
  const { directory } = options;
  mkdirSync(directory, { recursive: true });
  const [prometheus, alertmanager] = [await freePort(), await freePort()];
  const rule = {
    alert: 'CheckoutErrors',
    expr: 'sum(rate(http_requests_total{path="/checkout",code=~"5.."}[5s])) > 0.2',
    labels: { service: 'checkout', environment: 'production', severity: 'critical' },
    annotations: { summary: 'Requests to checkout fail' },
  };
  const files = {
    'rules.yml': { groups: [{ name: 'checkout', interval: '1s', rules: [rule] }] },
    'prometheus.yml': {
      global: { scrape_interval: '1s', evaluation_interval: '1s' },
      rule_files: [join(directory, 'rules.yml')],
      alerting: { alertmanagers: [{ static_configs: [{ targets: [`127.0.0.1:${alertmanager}`] }] }] },
      scrape_configs: [{ job_name: 'checkout', static_configs: [{ targets: [options.scrape] }] }],
    },
    'alertmanager.yml': {
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
              url: options.webhookUrl,
              send_resolved: true,
              http_config: { authorization: { credentials_file: options.tokenFile } },
            },
          ],
        },
      ],
    },
  };
  // JSON is YAML.
  for (const [name, content] of Object.entries(files))
    writeFileSync(join(directory, name), JSON.stringify(content, null, 2));
  const children = [
    spawn(
      'prometheus-alertmanager',
      [
        `--config.file=${join(directory, 'alertmanager.yml')}`,
        `--storage.path=${join(directory, 'alertmanager')}`,
        `--web.listen-address=127.0.0.1:${alertmanager}`,
        '--cluster.listen-address=',
      ],
      { stdio: 'ignore' },
    ),
    spawn(
      'prometheus',
      [
        `--config.file=${join(directory, 'prometheus.yml')}`,
        `--storage.tsdb.path=${join(directory, 'prometheus')}`,
        `--web.listen-address=127.0.0.1:${prometheus}`,
      ],
      { stdio: 'ignore', cwd: directory },
    ),
  ];
  return {
    prometheusUrl: `http://127.0.0.1:${prometheus}`,
    stop: async () => void (await Promise.all(children.map(end))),
  };
}

export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
