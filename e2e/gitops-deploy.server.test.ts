import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JsonObject } from '@carapulse/kernel';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { endAssistants, startAssistant, type Assistant } from './src/assistant.ts';
import { ArgocdClient } from './src/gitops/argocd-client.ts';
import { deployedFiles, WorkingCopy } from './src/gitops/deployed-files.ts';
import { missingForGitOps, ownServers, type GitOpsServers } from './src/gitops/own-servers.ts';
import { approve, dropRoot, PEOPLE, until } from './src/world.ts';

const missing = await missingForGitOps();
const POLICIES = join(import.meta.dirname, '..', 'policies');
/** Seconds after which an application that isn't well is given up. */
const WITHIN_S = 25;
const VALUES = 'shop/values.yaml';

describe.skipIf(missing.length > 0)('the workflow gitops-deploy (needs the test bed’s Argo CD)', () => {
  let root: string;
  let servers: GitOpsServers & { readonly stop: () => Promise<void> };
  let person: ArgocdClient;
  let developer: WorkingCopy;
  let assistant: Assistant;
  beforeAll(async () => {
    servers = await ownServers('shop', deployedFiles());
    dropRoot();
    root = mkdtempSync(join(tmpdir(), 'carapulse gitops '));
    developer = new WorkingCopy(join(root, 'work'), servers.repository.path);
    person = new ArgocdClient(servers);
    await person.create('shop', 'shop', 'shop');
    await person.synced('shop');
    assistant = await startAssistant(join(root, 'installation'), configuration());
  });
  afterAll(async () => {
    await endAssistants();
    await servers?.stop();
    rmSync(root, { recursive: true, force: true });
  });

  function configuration(): object {
    const directory = join(root, 'policies');
    cpSync(POLICIES, directory, { recursive: true });
    const data = JSON.parse(readFileSync(join(directory, 'data.json'), 'utf8')) as {
      assistant: { scope: { namespaces: string[] } };
    };
    data.assistant.scope.namespaces = ['shop'];
    writeFileSync(join(directory, 'data.json'), JSON.stringify(data));
    const instance = {
      url: servers.url,
      egress: 'private',
      token: servers.tokens.reader,
      write_token: servers.tokens.carapulse,
      projects: ['default'],
      namespaces: ['shop'],
    };
    const { path: url } = servers.repository;
    return {
      gateway: { port: 0 },
      policy: { stage: 1, directory },
      context: { environment: 'production' },
      connectors: {
        git: { repositories: { shop: { url, default_branch: 'main', branches: ['main'] } } },
        argocd: { instances: { main: instance } },
      },
      governance: {
        rate_limits: { admin: 1e6, operator: 1e6, developer: 1e6, observer: 1e6, anonymous: 1e6 },
      },
      auth: { local_identities: PEOPLE },
    };
  }

  async function planOf(value: string, more: JsonObject = {}) {
    const input = {
      repository: 'shop',
      file: VALUES,
      pointer: '/image/tag',
      value,
      application: { instance: 'main', name: 'shop' },
      healthy_for_seconds: 2,
      within_seconds: WITHIN_S,
      ...more,
    };
    const { body } = await assistant.as('alice').call('startWorkflow', {
      params: { name: 'gitops-deploy' },
      body: { input, reason: 'a new release' },
    });
    return body;
  }
  async function run(value: string) {
    const plan = await planOf(value);
    // What depends on it is not known, so that two people look.
    await approve(assistant, plan, 'bob');
    const { execution_id } = await approve(assistant, plan, 'carol');
    const ended = await until(
      'the end of the run',
      async () => {
        const { body } = await assistant
          .as('alice')
          .call('getExecution', { params: { execution_id: execution_id ?? '' } });
        const { ended_at, status } = body.execution;
        return ended_at !== null || status === 'parked' ? body : null;
      },
      // It is given the time of the check to fail in, and then it is undone.
      4 * WITHIN_S * 1000,
    );
    return { plan, ...ended };
  }
  const app = async () =>
    (await person.ask('GET', 'applications/shop?refresh=normal')) as {
      status: {
        sync: JsonObject;
        health: JsonObject;
        summary: JsonObject;
        operationState: { operation: JsonObject; phase: string };
      };
    };

  test('a good release is committed, synced to exactly that commit, and seen healthy', async () => {
    const before = await developer.tell('rev-parse', 'main');
    const { plan, execution } = await run('1.1.0');
    expect(execution).toMatchObject({ status: 'succeeded' });
    const tip = await developer.tell('rev-parse', 'main');
    const { steps, blast_radius } = plan.plan;
    expect(steps).toMatchObject([
      { step_id: 'commit', call: { input: { base_revision: before, expected_commit: tip } } },
      { step_id: 'sync', call: { input: { revision: tip, prune: false, namespaces: ['shop'] } } },
    ]);
    expect(blast_radius.resources).toEqual(['git:shop/refs/heads/main', 'argocd:main/default/shop']);
    const changed = await developer.tell('diff', '--unified=0', before, tip);
    expect(changed.split('\n').filter((line) => /^[-+] /.test(line))).toEqual([
      '-  tag: 1.0.0',
      '+  tag: 1.1.0',
    ]);
    const { status } = await app();
    expect(status).toMatchObject({
      sync: { status: 'Synced', revision: tip },
      health: { status: 'Healthy' },
      summary: { images: ['registry.example/shop:1.1.0'] },
    });
    expect(JSON.stringify(status.operationState.operation)).toContain(execution.execution_id);
  });

  test('a bad release is caught, synced back, reverted in Git, and seen to be as before', async () => {
    const [before, tree] = [
      await developer.tell('rev-parse', 'main'),
      await developer.tell('rev-parse', 'main^{tree}'),
    ];
    const { execution, checks } = await run('1.2.0-crash');
    expect(execution).toMatchObject({ status: 'rolled_back' });
    const last = Object.fromEntries(checks.map(({ check_id, verdict }) => [check_id, verdict]));
    expect(last).toEqual({
      'branch-unmoved': 'passed',
      'app-rests': 'passed',
      'commit-is-tip': 'passed',
      deployed: 'failed',
      'synced-back': 'passed',
      'tree-restored': 'passed',
      'app-restored': 'passed',
    });
    expect(await developer.tell('rev-parse', 'main~2')).toBe(before);
    expect(await developer.tell('rev-parse', 'main^{tree}')).toBe(tree);
    expect(await developer.tell('show', `main~1:${VALUES}`)).toContain('tag: 1.2.0-crash\n');
    expect((await app()).status).toMatchObject({
      sync: { status: 'Synced', revision: await developer.tell('rev-parse', 'main') },
      health: { status: 'Healthy' },
      summary: { images: ['registry.example/shop:1.1.0'] },
    });
  });

  test('no plan is made of what cannot be held to', async () => {
    const refusal = (value: string, more: JsonObject = {}) =>
      planOf(value, more).then(
        () => 'a plan',
        (error: Error) => error.message,
      );
    expect(await refusal('1.1.0')).toContain('"1.1.0" already');
    expect(await refusal('1.3.0', { pointer: '/image' })).toContain('no text, number or truth value');
    expect(await refusal('1.3.0', { file: 'shop/none.yaml' })).toContain('has no file');
    expect(await refusal('1.3.0', { application: { instance: 'main', name: 'none' } })).toContain('none');
    await person.ask('PATCH', 'applications/shop', {
      name: 'shop',
      patchType: 'merge',
      patch: JSON.stringify({ spec: { syncPolicy: { automated: {} } } }),
    });
    expect(await refusal('1.3.0')).toContain('syncs the application by itself');
  });
});
