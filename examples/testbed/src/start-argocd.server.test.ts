import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CHARTS } from './charts.ts';
import { startArgocd, type Argocd } from './start-argocd.ts';
import { startCluster, type Cluster } from './start-cluster.ts';
import { startGitServer, type GitServer } from './start-git-server.ts';
import { missingOf, TESTBED_SERVERS } from './testbed-servers.ts';

const entries = ['cluster', 'git', 'argocd'].map((name) => TESTBED_SERVERS[name]);
const missing = (
  await Promise.all(entries.map(async (entry) => (entry === undefined ? ['a server'] : missingOf(entry))))
).flat();
if (missing.length > 0 && process.env['CI'] === 'true') throw new Error(missing.join('\n'));

describe.skipIf(missing.length > 0)(
  'Argo CD (needs `npm run testbed -- build argocd` and redis-server)',
  () => {
    let directory: string;
    let cluster: Cluster;
    let git: GitServer;
    let argocd: Argocd;
    const { signal } = new AbortController();

    beforeAll(async () => {
      directory = await mkdtemp(join(tmpdir(), 'carapulse-argocd-'));
      const at = async (name: string) => {
        await mkdir(join(directory, name));
        return { directory: join(directory, name), signal };
      };
      cluster = await startCluster(await at('cluster'));
      git = await startGitServer(await at('git'));
      argocd = await startArgocd({ ...(await at('argocd')), cluster });
    });
    afterAll(async () => {
      await argocd?.stop();
      await git?.stop();
      await cluster?.stop();
      await rm(directory, { recursive: true, force: true });
    });

    async function ask(token: string, method: string, path: string, body?: object) {
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
      const sent = body === undefined ? {} : { body: JSON.stringify(body) };
      const reply = await fetch(`${argocd.url}/api/v1/${path}`, { method, headers, ...sent });
      return { status: reply.status, body: (await reply.json()) as Record<string, unknown> };
    }
    async function kubectl(...args: readonly string[]): Promise<string> {
      const env = { PATH: process.env['PATH'] ?? '', HOME: directory, KUBECONFIG: cluster.kubeconfig };
      return (await promisify(execFile)(cluster.kubectl, args, { env })).stdout;
    }
    const until = (name: string, path: string, value: string) =>
      kubectl(
        'wait',
        `application/${name}`,
        '-n',
        argocd.namespace,
        `--for=jsonpath={${path}}=${value}`,
        '--timeout=90s',
      );
    const application = (name: string, path: string) => ({
      metadata: { name },
      spec: {
        project: 'default',
        source: { repoURL: git.urlOf(name), path, targetRevision: 'main' },
        destination: { server: 'https://kubernetes.default.svc', namespace: 'default' },
      },
    });

    test('an Application is synced from Git, goes bad with a commit, and is rolled back, all by tokens', async () => {
      const { carapulse, operator, reader } = argocd.tokens;
      await git.createRepository('web', { 'app/web.json': deployment('1.0.0') });
      expect(await ask(carapulse, 'POST', 'applications', application('web', 'app'))).toMatchObject({
        status: 403,
      });
      expect(await ask(operator, 'POST', 'applications', application('web', 'app'))).toMatchObject({
        status: 200,
      });
      expect(await ask(reader, 'POST', 'applications/web/sync', {})).toMatchObject({ status: 403 });
      expect(await ask('nobody', 'GET', 'applications')).toMatchObject({ status: 401 });
      expect(await ask(carapulse, 'POST', 'applications/web/sync', {})).toMatchObject({ status: 200 });
      await until('web', '.status.health.status', 'Healthy');
      expect(await kubectl('get', 'deployment', 'web', '-o', 'jsonpath={.status.availableReplicas}')).toBe(
        '1',
      );

      const revision = await git.commit({
        name: 'web',
        files: { 'app/web.json': deployment('2-crash') },
        message: 'Worse',
      });
      const refreshed = await ask(carapulse, 'GET', 'applications/web?refresh=normal');
      expect(refreshed.body).toMatchObject({ status: { sync: { status: 'OutOfSync', revision } } });
      await ask(carapulse, 'POST', 'applications/web/sync', { revision });
      await until('web', '.status.health.status', 'Degraded');

      const { body } = await ask(carapulse, 'GET', 'applications/web');
      const { history } = body['status'] as { history: { id: number; revision: string }[] };
      expect(history.at(-1)).toMatchObject({ revision });
      await ask(carapulse, 'POST', 'applications/web/rollback', { id: history[0]?.id });
      await until('web', '.status.health.status', 'Healthy');
      const image = await kubectl(
        'get',
        'deployment',
        'web',
        '-o',
        'jsonpath={.spec.template.spec.containers[0].image}',
      );
      expect(image).toBe('registry.example/web:1.0.0');
    });

    test('a Helm chart is rendered', async () => {
      const paths = await readdir(CHARTS.shop, { recursive: true, withFileTypes: true });
      const files = await Promise.all(
        paths
          .filter((path) => path.isFile())
          .map(async ({ parentPath, name }) => {
            const path = join(parentPath, name);
            return [path.slice(CHARTS.shop.length + 1), await readFile(path, 'utf8')] as const;
          }),
      );
      await git.createRepository('shop', Object.fromEntries(files));
      await ask(argocd.tokens.operator, 'POST', 'applications', application('shop', '.'));
      expect(await ask(argocd.tokens.carapulse, 'POST', 'applications/shop/sync', {})).toMatchObject({
        status: 200,
      });
      await until('shop', '.status.operationState.phase', 'Succeeded');
      await until('shop', '.status.health.status', 'Healthy');
      expect(await kubectl('get', 'service', 'shop', '-o', 'jsonpath={.spec.ports[0].port}')).toBe('80');
    });

    test('its command line answers with a token', async () => {
      const at = [
        '--server',
        argocd.url.slice('http://'.length),
        '--plaintext',
        '--auth-token',
        argocd.tokens.reader,
      ];
      const env = { PATH: process.env['PATH'] ?? '', HOME: directory };
      const { stdout } = await promisify(execFile)(argocd.binary, [...at, 'version', '-o', 'json'], { env });
      expect(JSON.parse(stdout)).toMatchObject({ server: { Version: 'v3.1.16+unknown' } });
    });

    test('stopped, none of its programs is left', async () => {
      const pids = Object.values(argocd.pids);
      expect(pids).toHaveLength(4);
      await argocd.stop();
      for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    });
  },
);

function deployment(tag: string): string {
  return JSON.stringify({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web' },
    spec: {
      replicas: 1,
      progressDeadlineSeconds: 2,
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: { containers: [{ name: 'web', image: `registry.example/web:${tag}` }] },
      },
    },
  });
}
