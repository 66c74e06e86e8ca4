import type { JsonObject, JsonValue } from '@carapulse/kernel';
import { createToolRegistry, TOOLS } from '@carapulse/tools';
import { describe, expect, test } from 'vitest';
import { planFromWorkflow, type WorkflowRequest } from '../plan-from-workflow.ts';
import { catalogueOf } from '../registry-catalogue.ts';
import { gitopsDeploy } from './gitops-deploy.ts';

const [BASE, COMMIT, UNDO] = ['b', 'c', 'd'].map((digit) => digit.repeat(40)) as [string, string, string];
const OWN = `carapulse/${COMMIT.slice(0, 16)}`;
const UID = '11111111-2222-4333-8444-555555555555';
const NOW = '2026-11-25T10:00:00.000Z';
const text = { message: 'Set it\n', author: { name: 'Carapulse', email: 'carapulse@localhost' }, date: NOW };
const where = { repository: 'shop', branch: 'main' };
const PREVIEW = {
  kind: 'committable',
  base_revision: BASE,
  base_tree: 't0',
  expected_commit: COMMIT,
  proposed_branch: OWN,
  undo_commit: UNDO,
  diff: '-tag: 1\n+tag: 2',
  diff_truncated: false,
  forward: {
    ...where,
    path: 'shop/values.yaml',
    pointer: '/image/tag',
    value: '2',
    from: '1',
    base_revision: BASE,
    expected_tree: 'e'.repeat(40),
    expected_commit: COMMIT,
    ...text,
    lines_changed: 2,
  },
  undo: {
    ...where,
    commit: COMMIT,
    base_revision: COMMIT,
    expected_tree: 'f'.repeat(40),
    expected_commit: UNDO,
    ...text,
    paths: ['shop/values.yaml'],
    files_changed: 1,
    lines_changed: 2,
  },
};
const APP = {
  uid: UID,
  sources: [{ target_revision: 'main' }],
  namespaces: ['shop'],
  automated: false,
  from_one_repository: true,
  operating: false,
  sync: { status: 'Synced', revision: BASE },
  health: { status: 'Healthy' },
  last_operation_at: null,
};
const INPUT = {
  repository: 'shop',
  file: 'shop/values.yaml',
  pointer: '/image/tag',
  value: '2',
  application: { instance: 'main', name: 'shop' },
};
const METRIC = {
  instance: 'main',
  query: 'errors',
  statistic: 'p95',
  op: 'lt',
  value: 0.01,
};
const TOKEN = { token: 't', repositories: '*' };

const catalogue = catalogueOf(
  createToolRegistry(TOOLS, {
    git: { repositories: { shop: { url: '/srv/shop.git', default_branch: 'main', branches: ['main'] } } },
    argocd: {
      instances: { main: { url: 'https://argocd.example', token: 't', projects: '*', namespaces: '*' } },
    },
    prometheus: { instances: { main: { url: 'https://prometheus.example' } } },
    grafana: { instances: { main: { url: 'https://grafana.example', token: 't' } } },
    gh: { instances: { main: { url: 'https://api.github.com', ...TOKEN } } },
    glab: { instances: { main: { url: 'https://gitlab.example', ...TOKEN } } },
  }),
);

async function plan(over: JsonObject = {}, app: JsonObject = {}, preview: JsonObject = {}) {
  const asked: JsonObject[] = [];
  const answers: Readonly<Record<string, JsonValue>> = {
    'git.commit_preview': { ...PREVIEW, ...preview },
    'argocd.app': { ...APP, ...app },
    'prometheus.window': { because: '', value: 1 },
  };
  const request: WorkflowRequest = {
    workflow: gitopsDeploy,
    drafted: gitopsDeploy.draft({ ...INPUT, ...over }),
    profiles: {},
    because: ['user:bob: a release'],
    planId: 'pl_01jd7q8z9abcdefghjkmnpqrst',
    createdBy: 'user:bob',
    trigger: { kind: 'workflow', ref: 'gitops-deploy' },
    context: { tenant_id: 'default', environment: 'production' },
    now: NOW,
    catalogue,
    readTool: ({ tool, action, input }) => {
      asked.push({ tool, action, input });
      return Promise.resolve(answers[`${tool}.${action}`] ?? null);
    },
  };
  return { asked, outcome: await planFromWorkflow(request, new AbortController().signal) };
}
async function drafted(over: JsonObject = {}) {
  const { outcome } = await plan(over);
  if (outcome.kind !== 'planned') throw new Error(outcome.because.join('; '));
  return outcome.draft;
}

describe('the plan of a deployment by Git', () => {
  test('reads what the commit would be and how the application is, and writes literals alone', async () => {
    const { asked } = await plan();
    expect(asked).toMatchObject([
      { action: 'commit_preview', input: { path: 'shop/values.yaml', value: '2', date: NOW } },
      { action: 'app', input: { project: 'default', app: 'shop', refresh: 'normal' } },
    ]);
    const { steps, summary, risk } = await drafted();
    expect(summary).toBe('Set /image/tag of shop/values.yaml to 2 on main of shop, and sync shop to it');
    expect(steps).toMatchObject([
      { step_id: 'commit', call: { action: 'commit', input: PREVIEW.forward }, depends_on: [] },
      {
        step_id: 'sync',
        depends_on: ['commit'],
        call: { input: { uid: UID, revision: COMMIT, prune: false, namespaces: ['shop'] } },
        effects: [{ kind: 'sync', target: 'argocd:main/default/shop', namespaces: ['shop'], prune: false }],
        preview: { kind: 'diff', text: PREVIEW.diff },
      },
    ]);
    expect(risk.rules.map(({ rule }) => rule)).not.toContain('no_preview');
  });

  test('goes back the way it came: a sync to the commit of before, then the revert in Git', async () => {
    const { steps } = await drafted();
    expect(steps.map(({ rollback }) => rollback)).toMatchObject([
      {
        kind: 'call',
        call: { action: 'revert', input: PREVIEW.undo },
        verify: [
          { check_id: 'tree-restored', expect: [{ value: 't0' }] },
          {
            check_id: 'app-restored',
            expect: [{ value: 'Synced' }, { pointer: '/sync/revision', value: UNDO }, { value: 'Healthy' }],
          },
        ],
      },
      {
        kind: 'call',
        call: { action: 'sync', input: { revision: BASE } },
        verify: [{ expect: [{ value: 'Succeeded' }, { value: BASE }, { value: 'Healthy' }] }],
      },
    ]);
  });

  test('holds the application to our commit, a finished operation and health, for as long as was asked', async () => {
    const [, sync] = (await drafted({ healthy_for_seconds: 60, within_seconds: 200 })).steps;
    const [check] = sync?.verify ?? [];
    expect(check?.expect).toEqual([
      { pointer: '/operation/phase', op: 'eq', value: 'Succeeded' },
      { pointer: '/operation/revision', op: 'eq', value: COMMIT },
      { pointer: '/health/status', op: 'eq', value: 'Healthy' },
      { pointer: '/sync/status', op: 'eq', value: 'Synced' },
      { pointer: '/sync/revision', op: 'eq', value: COMMIT },
    ]);
    const { required = 0, interval_ms = 0, within_ms } = check?.samples ?? {};
    expect((required - 1) * interval_ms).toBeGreaterThanOrEqual(60_000);
    expect(within_ms).toBe(200_000);
  });

  test.each([2, 99, 600])('asks for no more samples than there may be, healthy for %i s', async (seconds) => {
    const [, sync] = (await drafted({ healthy_for_seconds: seconds, within_seconds: 1200 })).steps;
    const { required = 0, interval_ms = 0 } = sync?.verify[0]?.samples ?? {};
    expect((required - 1) * interval_ms).toBeGreaterThanOrEqual(seconds * 1000);
  });

  test('compares a metric: read before all writes, watched once the deployment was seen to be good', async () => {
    const metric = { ...METRIC, before: { factor: 1.1 } };
    const { steps, max_run_ms, checks } = await drafted({ metric, within_seconds: 600 });
    expect(checks).toEqual([]);
    expect(steps.map(({ step_id, depends_on }) => [step_id, ...depends_on])).toEqual([
      ['metric-before'],
      ['commit', 'metric-before'],
      ['sync', 'commit'],
      ['metric-after', 'sync'],
    ]);
    const check = steps[3]?.verify[0];
    expect(check?.expect).toMatchObject([
      { op: 'lt', value: 0.01 },
      { op: 'lt', relative: { from_step: 'metric-before', factor: 1.1, plus: 0 } },
    ]);
    expect(max_run_ms).toBeGreaterThan(600_000 + (check?.samples.within_ms ?? Infinity));
  });

  test('marks a deployment before it begins, and marks its taking back in place of hiding it', async () => {
    const { steps, risk } = await drafted({ grafana: { instance: 'main', dashboard_uid: 'shop' } });
    expect(steps.map(({ step_id }) => step_id)).toEqual(['annotate', 'commit', 'sync']);
    expect(steps[0]).toMatchObject({
      call: {
        action: 'annotate',
        input: {
          key: COMMIT,
          dashboard_uid: 'shop',
          text: 'Deployment of shop: Set /image/tag of shop/values.yaml to "2"',
        },
      },
      preview: { kind: 'diff' },
      rollback: {
        call: { action: 'annotate', input: { key: UNDO, text: expect.stringContaining('taken back') } },
        verify: [{ call: { action: 'annotations', input: { key: UNDO } }, expect: [{ value: false }] }],
      },
    });
    expect(steps[0]?.call.input).not.toHaveProperty('start');
    expect(risk.rules.map(({ rule }) => rule)).not.toContain('no_preview');
  });

  test('goes through a pull request, and moves the branch to the very commit that was checked', async () => {
    const forge = { kind: 'gh', instance: 'main', repository: 'acme/shop', required_checks: ['build'] };
    const { steps, max_run_ms } = await drafted({ forge, grafana: { instance: 'main' } });
    expect(steps.map(({ step_id, depends_on }) => [step_id, ...depends_on])).toEqual([
      ['propose'],
      ['request', 'propose'],
      ['annotate', 'request'],
      ['commit', 'annotate'],
      ['sync', 'commit'],
    ]);
    const place = { instance: 'main', repository: 'acme/shop' };
    expect(steps.slice(0, 2)).toMatchObject([
      {
        call: { action: 'propose', input: PREVIEW.forward },
        rollback: { call: { action: 'withdraw', input: { commit: COMMIT } } },
      },
      {
        call: {
          action: 'create_pull_request',
          input: { ...place, key: COMMIT, head: OWN, base: 'main', draft: false },
        },
        preview: { text: 'Set /image/tag of shop/values.yaml to "2"' },
        rollback: {
          call: {
            action: 'close_pull_request',
            input: { ...place, head: OWN, key: COMMIT, if_merged: 'leave' },
          },
        },
      },
    ]);
    const [open, checks] = steps[1]?.verify ?? [];
    expect(open?.expect).toEqual([
      { pointer: '/pull_requests/0/state', op: 'eq', value: 'open' },
      { pointer: '/pull_requests/0/head/sha', op: 'eq', value: COMMIT },
    ]);
    expect(checks).toMatchObject({
      call: { action: 'checks', input: { ...place, sha: COMMIT } },
      expect: [
        { pointer: '/passed', op: 'eq', value: true },
        { op: 'contains', value: { name: 'build', status: 'completed', conclusion: 'success' } },
      ],
      samples: { required: 3, interval_ms: 10_000, within_ms: 600_000 },
    });
    expect(steps[3]?.call.input).toEqual(steps[0]?.call.input);
    expect(steps[3]?.preconditions.map(({ check_id }) => check_id)).toContain('request-still-open');
    expect(max_run_ms).toBeGreaterThan(900_000);
  });

  test('goes through a merge request likewise, and waits for no checks where there are none', async () => {
    const forge = { kind: 'glab', instance: 'main', repository: 'acme/web/shop' };
    const place = { instance: 'main', repository: 'acme/web/shop' };
    const [, request] = (await drafted({ forge })).steps;
    expect(request).toMatchObject({
      call: { action: 'create_merge_request', input: { ...place, key: COMMIT, source: OWN, target: 'main' } },
      verify: [
        {
          expect: [
            { pointer: '/merge_requests/0/state', value: 'opened' },
            { pointer: '/merge_requests/0/source/sha', value: COMMIT },
          ],
        },
        { call: { action: 'checks', input: { ...place, source: OWN, key: COMMIT, sha: COMMIT } } },
      ],
      rollback: { call: { action: 'close_merge_request', input: { source: OWN, key: COMMIT } } },
    });
    const [, unchecked] = (await drafted({ forge: { ...forge, await_checks: false } })).steps;
    expect(unchecked?.verify.map(({ check_id }) => check_id)).toEqual(['request-open']);
  });

  test('takes any value into a request, as data', async () => {
    const forge = { kind: 'glab', instance: 'main', repository: 'acme/shop' };
    for (const value of ['/merge', '@all', 'Draft: x', 'x/carapulse:1.2.0', 'v'.repeat(2000), '"]}{$ref'])
      expect((await drafted({ forge, grafana: { instance: 'main' }, value })).steps).toHaveLength(5);
  });

  test.each<[string, JsonObject, JsonObject, string]>([
    ['is refused', {}, { kind: 'refused', detail: 'values.yaml: it is "2" already' }, 'it is "2" already'],
    ['an application that syncs itself', { automated: true }, {}, 'by itself'],
    ['one of several sources', { from_one_repository: false }, {}, 'one Git repository'],
    ['one that follows another branch', { sources: [{ target_revision: 'v1' }] }, {}, 'does not follow'],
    ['one that is busy', { operating: true }, {}, 'another operation'],
    ['one that has drifted', { sync: { status: 'OutOfSync', revision: BASE } }, {}, 'no way back'],
    ['one of another commit', { sync: { status: 'Synced', revision: COMMIT } }, {}, 'same commit'],
    ['one that is not well', { health: { status: 'Degraded' } }, {}, 'not healthy'],
  ])('is not made of what %s', async (_, app, preview, because) => {
    const { outcome } = await plan({}, app, preview);
    expect(outcome).toMatchObject({ kind: 'not_planned', because: [expect.stringContaining(because)] });
  });

  test.each<[string, JsonObject]>([
    ['/file', { file: '../values.txt' }],
    ['/file', { file: '/etc/values.yaml' }],
    ['/pointer', { pointer: 'image' }],
    ['/value', { value: 'a\nb' }],
    ['/application/name', { application: { instance: 'main', name: 'a/b' } }],
    ['/application/uid', { application: { instance: 'main', name: 'a', uid: UID } }],
    ['/within_seconds', { within_seconds: 5 }],
    ['/metric/query', { metric: { ...METRIC, query: 'a # b' } }],
    ['/metric/value', { metric: { ...METRIC, value: 'x' } }],
    ['/forge/kind', { forge: { kind: 'gitea', instance: 'main', repository: 'a/b' } }],
    ['/forge/repository', { forge: { kind: 'gh', instance: 'main', repository: 'a/b/c' } }],
    [
      '/forge/required_checks',
      { forge: { kind: 'glab', instance: 'main', repository: 'a/b', required_checks: [] } },
    ],
    ['/grafana/dashboard_uid', { grafana: { instance: 'main', dashboard_uid: 'a b' } }],
  ])('is refused at %s of %j', (pointer, over) => {
    expect(gitopsDeploy.inputFaults({ ...INPUT, ...over }).map((fault) => fault.pointer)).toEqual([pointer]);
  });
});
