import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import {
  newGithubRepository,
  newGitlabProject,
  startFakeGithub,
  startFakeGitlab,
  startFakeGrafana,
  type FakeGithub,
  type FakeGitlab,
  type FakeGrafana,
  type FakeMergeRequest,
  type FakeOrigin,
} from '@carapulse/example-testbed/fakes';
import type { JsonObject } from '@carapulse/kernel';
import { end, freePort } from '../monitoring.ts';
import { onPath } from '../tool-world.ts';

/** What is around a deployment: both forges in front of its repository, Grafana, and a metric that Prometheus scrapes. */
export interface Surroundings {
  readonly gitlab: FakeGitlab;
  readonly github: FakeGithub;
  /** Null where `gh` can't reach this machine: it asks no proxy for a loopback address, and there is no other name. */
  readonly githubUrl: string | null;
  readonly grafana: FakeGrafana;
  /** The merge requests as GitLab shows them to whoever asks, oldest first. */
  readonly mergeRequests: () => Promise<readonly FakeMergeRequest[]>;
  /** What the metric `shop_errors` is from the next scrape on; null: it isn't there. */
  readonly measure: (value: number | null) => void;
  readonly connectors: JsonObject;
  /** Where a branch is; null where there is none. */
  readonly tipOf: (branch: string) => string | null;
  readonly stop: () => Promise<void>;
}

/** The repository as both forges name it. */
export const FORGED = 'acme/shop';

export function missingPrometheus(): readonly string[] {
  const missing = spawnSync('prometheus', ['--version']).error !== undefined;
  return missing ? ['prometheus: install it with `apt-get install prometheus`'] : [];
}

/** @param bare the repository itself, on this machine. */
export async function startSurroundings(directory: string, bare: string): Promise<Surroundings> {
  const origin = originOf(bare);
  const [gitlab, github, grafana] = [
    await startFakeGitlab(),
    await startFakeGithub(),
    await startFakeGrafana(),
  ];
  const project = newGitlabProject(7, {}, origin);
  gitlab.projects.set(FORGED, project);
  github.repositories.set(FORGED, newGithubRepository({}, origin));
  const measured = await startMeasured(directory);
  const githubUrl = await reachable(github.url);
  const forge = (url: string, token: string) => ({ url, egress: 'private', token, repositories: [FORGED] });
  const plain = (url: string) => ({ url, egress: 'private' });
  return {
    gitlab,
    github,
    githubUrl,
    grafana,
    mergeRequests: async () => {
      // Pushes are noticed when somebody asks.
      const path = `/api/v4/projects/${encodeURIComponent(FORGED)}/merge_requests`;
      await fetch(`${gitlab.url}${path}`, { headers: { authorization: `Bearer ${gitlab.tokens.reader}` } });
      return [...project.mergeRequests];
    },
    measure: measured.measure,
    connectors: {
      gh: { instances: { main: forge(githubUrl ?? github.url, github.tokens.writer) } },
      glab: { instances: { main: forge(gitlab.url, gitlab.tokens.writer) } },
      grafana: { instances: { main: { ...plain(grafana.url), token: grafana.tokens.editor } } },
      prometheus: { instances: { main: plain(measured.url) } },
    },
    tipOf: (branch) => looseRef(bare, branch),
    stop: async () => {
      await measured.stop();
      for (const fake of [gitlab, github, grafana]) await fake.stop();
    },
  };
}

function originOf(bare: string): FakeOrigin {
  // It may be somebody else's.
  const git = ['-c', 'safe.directory=*', '--git-dir', bare];
  return {
    tips: () => {
      const args = [...git, 'for-each-ref', '--format=%(refname:lstrip=2) %(objectname)', 'refs/heads'];
      const lines = execFileSync('git', args, { encoding: 'utf8' }).trim().split('\n');
      return new Map(lines.map((line) => line.split(' ') as [string, string]));
    },
    holds: (branch, commit) =>
      spawnSync('git', [...git, 'merge-base', '--is-ancestor', commit, `refs/heads/${branch}`]).status === 0,
  };
}

/** As a push leaves it: nothing here packs refs. */
function looseRef(bare: string, branch: string): string | null {
  try {
    return readFileSync(join(bare, 'refs', 'heads', branch), 'utf8').trim();
  } catch {
    return null;
  }
}

async function reachable(url: string): Promise<string | null> {
  if (onPath('gh') === null) return url;
  const name = hostname();
  const found = await lookup(name).catch(() => null);
  return found?.address === '127.0.0.1' ? url.replace('127.0.0.1', name) : null;
}

/** A service with one metric, and a real Prometheus that scrapes it each second. */
async function startMeasured(directory: string) {
  mkdirSync(directory, { recursive: true });
  let metric: number | null = 1;
  const service = createServer((_, response) => {
    response.setHeader('content-type', 'text/plain; version=0.0.4');
    response.end(metric === null ? '' : `shop_errors ${metric}\n`);
  });
  await once(service.listen(0, '127.0.0.1'), 'listening');
  const port = await freePort();
  const file = join(directory, 'prometheus.yml');
  const target = `127.0.0.1:${(service.address() as AddressInfo).port}`;
  writeFileSync(
    file,
    JSON.stringify({
      global: { scrape_interval: '1s' },
      scrape_configs: [{ job_name: 'shop', static_configs: [{ targets: [target] }] }],
    }),
  );
  const args = [
    `--config.file=${file}`,
    `--storage.tsdb.path=${join(directory, 'data')}`,
    `--web.listen-address=127.0.0.1:${port}`,
  ];
  const prometheus = spawn('prometheus', args, { stdio: 'ignore', cwd: directory });
  return {
    url: `http://127.0.0.1:${port}`,
    measure: (value: number | null) => {
      metric = value;
    },
    stop: async () => {
      await end(prometheus);
      service.closeAllConnections();
      await new Promise((resolve) => service.close(resolve));
    },
  };
}
