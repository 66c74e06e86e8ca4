import type { JsonObject } from '@carapulse/kernel';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { refusalOf, FORGE_HOST, ToolWorld } from '../tool-world.ts';
import { CREATING, type ArgocdClient } from './argocd-client.ts';
import { plainFiles, type WorkingCopy } from './deployed-files.ts';
import type { GitOpsServers } from './own-servers.ts';

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
  let world: ToolWorld;
  beforeAll(async () => {
    world = await ToolWorld.open(path);
    await place().person.create(name, 'plain', name);
    await place().person.synced(name);
  });
  afterAll(() => world?.close());

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

  test('an application is read with the token that only reads', async () => {
    const { url, tokens } = place().servers;
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
    });
    expect(await run('app_history')).toMatchObject({ deployments: [{ revision, by: 'operator' }] });
    // All that the two transports tell, told once more by hand.
    const raw = await fetch(`${url}/api/v1/applications/${name}`, {
      headers: { authorization: `Bearer ${tokens.reader}` },
    });
    const { metadata, status } = (await raw.json()) as Record<'metadata' | 'status', JsonObject>;
    expect(await run('app')).toMatchObject({
      uid: metadata['uid'],
      reconciled_at: status['reconciledAt'],
      images: (status['summary'] as JsonObject)['images'],
    });
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
}
