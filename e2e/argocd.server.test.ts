import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JsonObject } from '@carapulse/kernel';
import { openEgressHttp } from '@carapulse/sandbox-linux';
import { createToolRegistry, TOOLS, type ToolRuntime } from '@carapulse/tools';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ArgocdClient, CREATING } from './src/gitops/argocd-client.ts';
import { missingForGitOps, ownServers, type GitOpsServers } from './src/gitops/own-servers.ts';
import { deployedFiles, plainFiles, WorkingCopy } from './src/gitops/deployed-files.ts';
import { dropRoot } from './src/world.ts';
import { noDocuments } from './src/no-documents.ts';

const missing = await missingForGitOps();

describe.skipIf(missing.length > 0)('the tool argocd (needs the test bed’s Argo CD)', () => {
  let root: string;
  let servers: GitOpsServers & { readonly stop: () => Promise<void> };
  let person: ArgocdClient;
  let developer: WorkingCopy;
  beforeAll(async () => {
    servers = await ownServers('shop', deployedFiles());
    dropRoot();
    root = mkdtempSync(join(tmpdir(), 'carapulse-argocd-tool-'));
    developer = new WorkingCopy(join(root, 'work'), servers.repository.path);
    person = new ArgocdClient(servers);
    await person.create('web', 'plain', 'web');
    await person.synced('web');
  });
  afterAll(async () => {
    await servers?.stop();
    rmSync(root, { recursive: true, force: true });
  });

  interface Over {
    readonly key?: string;
    readonly section?: JsonObject;
  }
  function bound(action: string, input: JsonObject, { key = 'execution/sync/1', section = {} }: Over) {
    const settings = {
      url: servers.url,
      egress: 'private',
      token: servers.tokens.reader,
      write_token: servers.tokens.carapulse,
      projects: ['default'],
      namespaces: ['web'],
      ...section,
    };
    const registered = createToolRegistry(TOOLS, { argocd: { instances: { main: settings } } }).find(
      'argocd',
      action,
    );
    const address = { instance: 'main', project: 'default', app: 'web' };
    const signal = AbortSignal.timeout(60_000);
    const egress = openEgressHttp();
    const runtime: ToolRuntime<unknown> = {
      settings: registered.settings,
      scratch: root,
      cache: root,
      documents: noDocuments,
      idempotencyKey: key,
      signal,
      exec: () => Promise.reject(new Error('no program is run')),
      http: (request) =>
        egress.request(
          { ...request, timeoutMs: 30_000, maxResponseBytes: 16_000_000, maxRedirects: 0 },
          signal,
        ),
    };
    return {
      action: registered.action,
      runtime,
      parsed: registered.action.input.parse({ ...address, ...input }),
    };
  }
  async function call(name: string, input: JsonObject = {}, over: Over = {}): Promise<JsonObject> {
    const { action, runtime, parsed } = bound(name, input, over);
    return action.output.parse(await action.transports[0]?.run(parsed, runtime)) as JsonObject;
  }
  const observe = (input: JsonObject, over: Over = {}) => {
    const { action, runtime, parsed } = bound('sync', input, over);
    return action.observe?.(parsed, runtime);
  };
  async function syncOf(revision: string): Promise<JsonObject> {
    const app = (await call('app')) as { uid: string; namespaces: string[]; operation: JsonObject | null };
    return {
      uid: app.uid,
      namespaces: app.namespaces,
      revision,
      last_operation_at: app.operation?.['started_at'] ?? null,
    };
  }

  test('an application is read with the token that only reads', async () => {
    const { revision, url } = servers.repository;
    expect(await call('app', { refresh: 'normal' })).toMatchObject({
      sources: [{ repo: url, path: 'plain', target_revision: 'main', chart: '' }],
      destination: { namespace: 'web' },
      namespaces: ['web'],
      automated: false,
      sync: { status: 'Synced', revision },
      health: { status: 'Healthy' },
      operating: false,
      operation: { phase: 'Succeeded', revision, key: null },
      conditions: [],
      images: ['registry.example/web:1.0.0'],
    });
    expect(await call('app_resources')).toMatchObject({
      resources: expect.arrayContaining([
        expect.objectContaining({ kind: 'Deployment', name: 'web', sync: 'Synced', health: 'Healthy' }),
        expect.objectContaining({ kind: 'Secret', name: 'web', sync: 'Synced' }),
      ]) as unknown,
    });
    expect(await call('app_diff')).toMatchObject({ same: true, resources: [] });
    expect(await call('app_history')).toMatchObject({ deployments: [{ revision, by: 'operator' }] });
    await expect(call('app', { app: 'none' })).rejects.toMatchObject({
      details: { effect: 'none' },
    });
    await expect(call('app', {}, { section: { namespaces: ['other'] } })).rejects.toMatchObject({
      details: { reason: 'namespace_not_listed' },
    });
  });

  test('a sync is done once under its key, and seen by it', async () => {
    const revision = await developer.push(plainFiles('2.0.0-slow3', 'second'), 'Slower');
    await call('app', { refresh: 'normal' });
    const differs = await call('app_diff');
    expect(differs).toMatchObject({ same: false });
    expect(JSON.stringify(differs)).toContain('registry.example/web:2.0.0-slow3');
    expect(JSON.stringify(differs)).not.toMatch(/c2Vjb25k|Zmlyc3Q=/);
    const input = await syncOf(revision);
    expect(await observe(input)).toBe('not_done');
    await expect(
      call('sync', input, { section: { write_token: servers.tokens.reader } }),
    ).rejects.toMatchObject({ code: 'forbidden', details: { effect: 'none', reason: 'token_refused' } });
    expect(await observe(input)).toBe('not_done');
    const first = await call('sync', input);
    expect(await observe(input)).toBe('done');
    expect(await call('sync', input)).toEqual(first);
    await person.until('web', 'Healthy');
    // Argo CD compares anew a moment after the operation has ended.
    await expect
      .poll(() => call('app'), { timeout: 60_000, interval: 200 })
      .toMatchObject({
        sync: { status: 'Synced', revision },
        operation: { phase: 'Succeeded', revision, key: 'execution/sync/1' },
      });
    expect(await observe(input)).toBe('done');
    expect(await observe(input, { key: 'execution/sync/rollback/1' })).toBe('not_done');
    expect(await observe(input, { key: 'execution2/sync/1' })).toBe('unknown');
    expect(await call('app_history')).toMatchObject({ deployments: [{ revision, by: 'carapulse' }, {}] });
  });

  test('a sync is refused while another operation is open, and of an application that is synced by itself', async () => {
    await person.create('busy', 'busy', 'web');
    await person.ask('POST', 'applications/busy/sync', {});
    const at = { app: 'busy' };
    const app = (await call('app', at)) as { uid: string; operating: boolean };
    expect(app.operating).toBe(true);
    const input = { ...at, ...(await syncOf(servers.repository.revision)), uid: app.uid };
    await expect(call('sync', input)).rejects.toMatchObject({
      code: 'conflict',
      retryable: true,
      details: { effect: 'none', reason: 'operation_in_progress' },
    });
    await person.create('itself', 'plain', 'itself', { syncPolicy: { ...CREATING, automated: {} } });
    await person.until('itself', 'Healthy');
    const over = { section: { namespaces: ['itself'] } };
    const own = (await call('app', { app: 'itself' }, over)) as { uid: string };
    const ofItself = { ...input, app: 'itself', uid: own.uid, namespaces: ['itself'] };
    await expect(call('sync', ofItself, over)).rejects.toMatchObject({
      code: 'not_supported',
      details: { effect: 'none', reason: 'syncs_itself' },
    });
  });
});
