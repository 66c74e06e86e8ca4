import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JsonObject } from '@carapulse/kernel';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { refusalOf, FORGE_HOST, ToolWorld } from '../tool-world.ts';
import { CREATING, type ArgocdClient } from './argocd-client.ts';
import { plainFiles, type WorkingCopy } from './deployed-files.ts';
import type { GitOpsServers } from './own-servers.ts';
import { Relay } from './relay.ts';

export interface ArgocdPlace {
  readonly servers: GitOpsServers;
  readonly person: ArgocdClient;
  readonly developer: WorkingCopy;
}

/**
 * What `argocd` does with Argo CD, by HTTP or by the program at `path`: the same outputs and the same refusals.
 * @param name of an application of its own, and of the namespace it deploys to.
 */
export function argocdScenes(path: string | null, name: string, place: () => ArgocdPlace): void {
  let root: string;
  let world: ToolWorld;
  let http: ToolWorld;
  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), 'carapulse-argocd-'));
    world = await ToolWorld.open(path);
    http = await ToolWorld.open(null);
    await place().person.create(name, 'plain', name);
    await place().person.synced(name);
  });
  afterAll(async () => {
    await world?.close();
    await http?.close();
    rmSync(root, { recursive: true, force: true });
  });

  interface Over {
    readonly key?: string;
    readonly section?: JsonObject;
  }
  const call = (action: string, input: JsonObject, { key = `${name}/sync/1`, section = {} }: Over) => {
    const { url, tokens } = place().servers;
    return {
      tool: 'argocd',
      action,
      key,
      input: { project: 'default', app: name, ...input },
      timeoutMs: 60_000,
      section: {
        url: `http://${FORGE_HOST}:${new URL(url).port}`,
        egress: 'private',
        token: tokens.reader,
        write_token: tokens.carapulse,
        projects: ['default'],
        namespaces: [name],
        ...section,
      },
    };
  };
  const run = (action: string, input: JsonObject = {}, over: Over = {}) =>
    world.run(call(action, input, over));
  const refused = (action: string, input: JsonObject = {}, over: Over = {}) =>
    refusalOf(run(action, input, over));
  const byHttp = (action: string) => http.run(call(action, {}, {}));
  const observe = (input: JsonObject, over: Over = {}) => world.observe(call('sync', input, over));
  async function syncOf(revision: string): Promise<JsonObject> {
    const app = (await run('app')) as { uid: string; namespaces: string[]; operation: JsonObject | null };
    return {
      uid: app.uid,
      namespaces: app.namespaces,
      revision,
      last_operation_at: app.operation?.['started_at'] ?? null,
    };
  }

  test('an application is read with the token that only reads, and told alike by both', async () => {
    const { revision } = (await run('app', { refresh: 'hard' }))['sync'] as { readonly revision: string };
    expect(await run('app', { refresh: 'normal' })).toMatchObject({
      sources: [{ repo: place().servers.repository.url, path: 'plain', target_revision: 'main', chart: '' }],
      destination: { namespace: name },
      namespaces: [name],
      automated: false,
      sync: { status: 'Synced', revision },
      health: { status: 'Healthy' },
      operating: false,
      operation: { phase: 'Succeeded', revision, key: null },
      conditions: [],
      images: [expect.stringContaining('registry.example/web:') as string],
    });
    expect(await run('app')).toEqual(await byHttp('app'));
    expect(await run('app_history')).toMatchObject({ deployments: [{ revision, by: 'operator' }] });
    expect(await run('app_history')).toEqual(await byHttp('app_history'));
    expect(await byHttp('app_resources')).toMatchObject({
      resources: expect.arrayContaining([
        expect.objectContaining({ kind: 'Deployment', name: 'web', sync: 'Synced', health: 'Healthy' }),
        expect.objectContaining({ kind: 'Secret', name: 'web', sync: 'Synced' }),
      ]) as unknown,
    });
    expect(await byHttp('app_diff')).toMatchObject({ same: true, resources: [] });
  });

  test('the authority of the settings is trusted alone', async () => {
    const [own, other] = ['own', 'other'].map((each) => selfSigned(root, each));
    if (own === undefined || other === undefined) throw new Error('no certificates');
    const relay = await Relay.to(Number(new URL(place().servers.url).port), { tls: own });
    try {
      const url = `https://${FORGE_HOST}:${relay.port}`;
      expect(await run('app', {}, { section: { url, ca: own.cert } })).toEqual(await run('app'));
      for (const section of [{ url }, { url, ca: other.cert }]) {
        const untrusted = await refused('app', {}, { section });
        expect(untrusted).toMatchObject({ code: 'unavailable', retryable: true });
      }
    } finally {
      await relay.stop();
    }
  });

  test('refusals keep their meaning, and what is not reached is not taken for one', async () => {
    expect(await refused('app', { app: 'none' })).toMatchObject(
      // The program doesn't say which project is meant, and is not told that there is no such application.
      world.by === 'http'
        ? { code: 'not_found', details: { effect: 'none', reason: 'app_missing' } }
        : { code: 'forbidden', details: { effect: 'none', reason: 'token_refused' } },
    );
    expect(await refused('app', {}, { section: { token: 'wrong' } })).toMatchObject({
      code: 'forbidden',
      details: { effect: 'none', reason: 'token_refused', status: 401 },
    });
    expect(await refused('app', {}, { section: { namespaces: ['other'] } })).toMatchObject({
      code: 'forbidden',
      details: { reason: 'namespace_not_listed' },
    });
    expect(await refused('app', { project: 'other' })).toMatchObject({
      details: { reason: 'project_not_listed' },
    });
    const away = await refused('app', {}, { section: { url: `http://${FORGE_HOST}:9` } });
    expect(away).toMatchObject({ code: 'unavailable', retryable: true });
    expect(away['details']).not.toHaveProperty('effect');
    expect(
      await refused('sync', { ...(await syncOf('a'.repeat(40))), uid: crypto.randomUUID() }),
    ).toMatchObject({
      code: 'plan_stale',
      details: { effect: 'none', reason: 'app_replaced' },
    });
  });

  test('a sync is done once under its key, and seen by it', async () => {
    const revision = await place().developer.push(plainFiles(`2.0.0-${name}-slow3`, name), `Slower ${name}`);
    await run('app', { refresh: 'normal' });
    const differs = JSON.stringify(await byHttp('app_diff'));
    expect(differs).toContain(`registry.example/web:2.0.0-${name}-slow3`);
    expect(differs).not.toMatch(new RegExp(Buffer.from(name).toString('base64')));
    const input = await syncOf(revision);
    const key = `${name}/sync/1`;
    expect(await observe(input)).toBe('not_done');
    const asReader = { section: { write_token: place().servers.tokens.reader } };
    expect(await refused('sync', input, asReader)).toMatchObject({
      code: 'forbidden',
      details: { effect: 'none', reason: 'token_refused', status: 403 },
    });
    expect(await observe(input)).toBe('not_done');
    const done = {
      instance: 'main',
      project: 'default',
      app: name,
      uid: input['uid'],
      revision,
      prune: false,
      key,
    };
    expect(await run('sync', input)).toEqual(done);
    expect(await observe(input)).toBe('done');
    expect(await run('sync', input)).toEqual(done);
    expect(await world.readBack(call('sync', input, {}))).toEqual(done);
    await place().person.until(name, 'Healthy');
    // Argo CD compares anew a moment after the operation has ended.
    await expect
      .poll(() => run('app'), { timeout: 60_000, interval: 200 })
      .toMatchObject({
        sync: { status: 'Synced', revision },
        operation: { phase: 'Succeeded', revision, key },
      });
    expect(await observe(input)).toBe('done');
    expect(await observe(input, { key: `${name}/sync/rollback/1` })).toBe('not_done');
    expect(await observe(input, { key: `${name}2/sync/1` })).toBe('unknown');
    expect(await run('app_history')).toMatchObject({ deployments: [{ revision, by: 'carapulse' }, {}] });
  });

  test('a sync is refused while another operation is open, and of an application that is synced by itself', async () => {
    const { person, servers } = place();
    const [busy, itself] = [`${name}-busy`, `${name}-itself`];
    await person.create(busy, 'busy', name);
    await person.ask('POST', `applications/${busy}/sync`, {});
    const app = (await run('app', { app: busy })) as { uid: string; operating: boolean };
    expect(app.operating).toBe(true);
    const input = { ...(await syncOf(servers.repository.revision)), app: busy, uid: app.uid };
    expect(await refused('sync', input)).toMatchObject({
      code: 'conflict',
      retryable: true,
      details: { effect: 'none', reason: 'operation_in_progress' },
    });
    await person.create(itself, 'plain', itself, { syncPolicy: { ...CREATING, automated: {} } });
    await person.until(itself, 'Healthy');
    const over = { section: { namespaces: [itself] } };
    const own = (await run('app', { app: itself }, over)) as { uid: string };
    const ofItself = { ...input, app: itself, uid: own.uid, namespaces: [itself] };
    expect(await refused('sync', ofItself, over)).toMatchObject({
      code: 'not_supported',
      details: { effect: 'none', reason: 'syncs_itself' },
    });
  });

  test('no token is on a command line, in an environment, or in what was said', async () => {
    const { reader, carapulse } = place().servers.tokens;
    expect(world.said.length > 0).toBe(world.by === 'cli');
    for (const token of [reader, carapulse]) expect(JSON.stringify(world.said)).not.toContain(token);
  });

  if (path === null) return;

  test('an answer that is lost after the effect is found done', async () => {
    const { developer, servers } = place();
    const revision = await developer.push(plainFiles(`3.0.0-${name}`, name), `Third ${name}`);
    await run('app', { refresh: 'normal' });
    const input = await syncOf(revision);
    const key = `${name}/lost/1`;
    // argocd reads the application and then asks for the sync, as the second stream of its connection.
    const relay = await Relay.to(Number(new URL(servers.url).port), { loses: 3 });
    try {
      const section = { url: `http://${FORGE_HOST}:${relay.port}` };
      const lost = await refused('sync', input, { key, section });
      expect(lost).toMatchObject({ code: 'tool_failed', retryable: true, details: { class: 'transient' } });
      expect(lost['details']).not.toHaveProperty('effect');
    } finally {
      await relay.stop();
    }
    expect(await observe(input, { key })).toBe('done');
    expect(await run('sync', input, { key })).toMatchObject({ key });
    await place().person.until(name, 'Healthy');
  });

  test('what takes no gRPC is asked by HTTP', async () => {
    const before = world.said.length;
    expect(await run('app', {}, { section: { grpc: false } })).toMatchObject({ app: name });
    expect(world.said).toHaveLength(before);
  });
}

/** A certificate that is its own authority. */
function selfSigned(directory: string, name: string): { readonly key: string; readonly cert: string } {
  const [key, cert] = [join(directory, `${name}.key`), join(directory, `${name}.crt`)];
  const request = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const names = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=DNS:${FORGE_HOST}`];
  execFileSync('openssl', [...request, '-keyout', key, '-out', cert, '-days', '2', ...names], {
    stdio: 'pipe',
  });
  return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
}
