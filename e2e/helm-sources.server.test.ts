import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { lookup } from 'node:dns/promises';
import { createServer, type Server } from 'node:https';
import { hostname } from 'node:os';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { JsonObject } from '@carapulse/kernel';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { HelmWorld } from './src/helm-world.ts';
import { missingForCluster } from './src/kubernetes-world.ts';

const missing = await missingForCluster();
const sha256 = (data: string | Buffer): string => `sha256:${createHash('sha256').update(data).digest('hex')}`;
// helm takes no proxy for `localhost` and 127.0.0.1, and there is no other way out of the sandbox.
const host = hostname();
const address = await lookup(host, 4).then(
  (found) => found.address,
  () => '',
);
const VALUES = 'replicas: 3\nconfig:\n  greeting: Hello\n';

describe.skipIf(missing.length > 0)('charts and values of helm (needs the test bed’s cluster)', () => {
  let world: HelmWorld;
  let server: Server;
  let settings: JsonObject;
  let commit = '';
  let packed: Buffer;

  beforeAll(async () => {
    world = await HelmWorld.start();
    const { root } = world.kubernetes;
    const repository = join(root, 'deploy');
    mkdirSync(repository);
    cpSync(join(world.charts, 'shop'), join(repository, 'charts/web'), { recursive: true });
    writeFileSync(join(repository, 'values.yaml'), VALUES);
    const git = (...args: string[]): string =>
      execFileSync('git', ['-C', repository, '-c', 'user.name=a', '-c', 'user.email=a@b', ...args], {
        encoding: 'utf8',
      });
    git('init', '--quiet', '--initial-branch=main');
    git('add', '.');
    git('commit', '--quiet', '--message=charts');
    commit = git('rev-parse', 'HEAD').trim();
    const published = join(root, 'published');
    mkdirSync(published);
    await world.kubernetes.adminHelm(['package', `--destination=${published}`, join(world.charts, 'shop')]);
    await world.kubernetes.adminHelm(['repo', 'index', published]);
    packed = readFileSync(join(published, 'shop-0.1.0.tgz'));
    const [key, cert] = [join(root, 'server.key'), join(root, 'server.crt')];
    const request = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
    const names = ['-subj', '/CN=charts', '-addext', `subjectAltName=DNS:${host}`];
    execFileSync('openssl', [...request, '-keyout', key, '-out', cert, '-days', '2', ...names], {
      stdio: 'pipe',
    });
    server = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, ({ url }, response) => {
      const file = { '/index.yaml': 'index.yaml', '/shop-0.1.0.tgz': 'shop-0.1.0.tgz' }[url ?? ''];
      response.statusCode = file === undefined ? 404 : 200;
      response.end(file === undefined ? '' : readFileSync(join(published, file)));
    });
    server.listen(0, address.startsWith('127.') ? address : '127.0.0.1');
    await once(server, 'listening');
    const url = `https://${host}:${(server.address() as AddressInfo).port}`;
    const ca = readFileSync(cert, 'utf8');
    const more = { egress: 'private', chart: 'shop' };
    settings = {
      chart_root: world.charts,
      charts: {
        shop: { kind: 'repository', url, ca, ...more },
        distrusted: { kind: 'repository', url, ...more },
        web: { kind: 'git_path', repository: 'deploy', path: 'charts/web' },
        linked: { kind: 'directory', path: 'linked' },
      },
      repositories: { deploy: { url: repository, default_branch: 'main', branches: ['main'] } },
    };
    await world.install('web', 'shop');
  });
  afterAll(async () => {
    server?.closeAllConnections();
    server?.close();
    await world?.stop();
  });

  const preview = (chart: JsonObject, more: JsonObject = {}): Promise<JsonObject> =>
    world.call(
      'upgrade_preview',
      { release: 'web', chart: { version: '0.1.0', ...chart }, ...more },
      { settings },
    );
  const values = (more: JsonObject = {}): JsonObject => ({
    values_ref: {
      kind: 'git_path',
      repository: 'deploy',
      path: 'values.yaml',
      revision: commit,
      sha256: sha256(VALUES),
      ...more,
    },
  });

  test.skipIf(!address.startsWith('127.'))(
    'a published chart is fetched over its pinned authority, and known by the digest of its package',
    async () => {
      const found = await preview({ name: 'shop' }, { set: { replicas: 4 } });
      expect(found).toMatchObject({ kind: 'upgradable', forward: { chart: { digest: sha256(packed) } } });
      await expect(preview({ name: 'shop', version: '9.9.9' })).rejects.toMatchObject({ code: 'not_found' });
      await expect(preview({ name: 'distrusted' })).rejects.toMatchObject({
        code: 'unavailable',
        details: { effect: 'none' },
      });
    },
  );

  test('a chart of a Git repository has the same digest each time, and values come from a commit by checksum', async () => {
    const chart = { name: 'web', commit };
    const found = await preview(chart, { ...values(), set: { config: { greeting: 'Hi' } } });
    expect(found).toMatchObject({ kind: 'upgradable', forward: { replicas: 3 } });
    expect(found['diff']).toContain('+  greeting: Hi');
    const again = await preview(chart, { ...values(), set: { config: { greeting: 'Hi' } } });
    expect(again['forward']).toEqual(found['forward']);
    const upgraded = await world.call('upgrade', found['forward'] as JsonObject, { settings });
    expect(upgraded).toMatchObject({ revision: 2, status: 'deployed' });
    expect(await world.call('get_values', { release: 'web' })).toMatchObject({
      values: { replicas: 3, config: { greeting: 'Hi' } },
    });
    await expect(preview(chart, values({ sha256: sha256('other') }))).rejects.toMatchObject({
      code: 'plan_stale',
      details: { reason: 'checksum_differs' },
    });
    await expect(preview(chart, values({ path: 'none.yaml' }))).rejects.toMatchObject({ code: 'not_found' });
    await expect(preview({ name: 'web' })).rejects.toMatchObject({ code: 'invalid_input' });
    await expect(preview({ name: 'web', commit: 'd'.repeat(40) })).rejects.toMatchObject({
      code: 'not_found',
    });
  });

  test('a chart with a link out of it is refused', async () => {
    cpSync(join(world.charts, 'shop'), join(world.charts, 'linked'), { recursive: true });
    symlinkSync('/etc/passwd', join(world.charts, 'linked/templates/passwd.yaml'));
    await expect(preview({ name: 'linked' })).rejects.toMatchObject({
      code: 'forbidden',
      details: { reason: 'chart_links' },
    });
  });
});
