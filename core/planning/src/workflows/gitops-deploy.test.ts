import type { JsonObject, JsonValue } from '@carapulse/kernel';
import { createToolRegistry, TOOLS } from '@carapulse/tools';
import { describe, expect, test } from 'vitest';
import { planFromWorkflow, type WorkflowRequest } from '../plan-from-workflow.ts';
import { catalogueOf } from '../registry-catalogue.ts';
import { gitopsDeploy } from './gitops-deploy.ts';

const [BASE, COMMIT, UNDO] = ['b', 'c', 'd'].map((digit) => digit.repeat(40)) as [string, string, string];
const UID = '11111111-2222-4333-8444-555555555555';
const NOW = '2026-11-25T10:00:00.000Z';
const text = { message: 'Set it\n', author: { name: 'Carapulse', email: 'carapulse@localhost' }, date: NOW };
const where = { repository: 'shop', branch: 'main' };
const PREVIEW = {
  kind: 'committable',
  base_revision: BASE,
  base_tree: 't0',
  expected_commit: COMMIT,
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
  expression: 'errors',
  statistic: 'p95',
  comparator: 'lt',
  threshold: 0.01,
};

const catalogue = catalogueOf(
  createToolRegistry(TOOLS, {
    git: { repositories: { shop: { url: '/srv/shop.git', default_branch: 'main', branches: ['main'] } } },
    argocd: {
      instances: { main: { url: 'https://argocd.example', token: 't', projects: '*', namespaces: '*' } },
    },
    prometheus: { instances: { main: { url: 'https://prometheus.example' } } },
  }),
);

async function plan(over: JsonObject = {}, app: JsonObject = {}, preview: JsonObject = {}) {
  const asked: JsonObject[] = [];
  const answers: Readonly<Record<string, JsonValue>> = {
    'git.commit_preview': { ...PREVIEW, ...preview },
    'argocd.app': { ...APP, ...app },
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

  test('has time for all that it waits for', async () => {
    const { max_run_ms, checks } = await drafted({ metric: METRIC, within_seconds: 600 });
    expect(max_run_ms).toBeGreaterThan(600_000 + (checks[0]?.samples.within_ms ?? 0));
    expect((await drafted()).checks).toEqual([]);
  });

  test('watches a metric until a whole window lies after the first good sample; of series the worst counts', async () => {
    const [check] = (await drafted({ metric: { ...METRIC, window_seconds: 100 } })).checks;
    expect(check).toMatchObject({
      call: { tool: 'prometheus', input: { query: 'max(quantile_over_time(0.95, (errors)[100s:5s]))' } },
      expect: [{ pointer: '/samples/0/value', op: 'lt', value: 0.01 }],
      samples: { required: 21, interval_ms: 5000, within_ms: 260_000 },
    });
    const least = { ...METRIC, statistic: 'mean', comparator: 'gte' };
    const query = (await drafted({ metric: least })).checks[0]?.call.input['query'];
    expect(query).toBe('min(avg_over_time((errors)[60s:3s]))');
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
    ['/metric/expression', { metric: { ...METRIC, expression: 'a # b' } }],
    ['/metric/threshold', { metric: { ...METRIC, threshold: 'x' } }],
  ])('is refused at %s of %j', (pointer, over) => {
    expect(gitopsDeploy.inputFaults({ ...INPUT, ...over }).map((fault) => fault.pointer)).toEqual([pointer]);
  });
});
