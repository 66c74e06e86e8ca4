import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { missingOf, TESTBED_SERVERS } from '@carapulse/example-testbed';
import type { JsonObject } from '@carapulse/kernel';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { endAssistants } from './src/assistant.ts';
import { ArgocdClient } from './src/gitops/argocd-client.ts';
import { deployedFiles, WorkingCopy } from './src/gitops/deployed-files.ts';
import {
  branchOf,
  commitOf,
  Deployer,
  onceSeen,
  onRequest,
  proposed,
  verdictsOf,
} from './src/gitops/deployer.ts';
import { missingForGitOps, ownServers, type GitOpsServers } from './src/gitops/own-servers.ts';
import {
  FORGED,
  missingPrometheus,
  startSurroundings,
  type Surroundings,
} from './src/gitops/surroundings.ts';
import { ownTemporal } from './src/temporal/own-temporal.ts';
import { dropRoot, until, type PlanView } from './src/world.ts';

const temporalServer = TESTBED_SERVERS['temporal'];
const missing = [
  ...(await missingForGitOps()),
  ...missingPrometheus(),
  ...(temporalServer === undefined ? ['no Temporal in the test bed'] : await missingOf(temporalServer)),
];
if (missing.length > 0 && process.env['CI'] === 'true') throw new Error(missing.join('\n'));
const VALUES = 'shop/values.yaml';
/** An application that isn't well is given up after so long. */
const BAD = { within_seconds: 25 };
/** No more than what it was before, and a half. */
const METRIC = {
  instance: 'main',
  query: 'shop_errors',
  statistic: 'max',
  window_seconds: 5,
  op: 'lte',
  before: { plus: 0.5 },
};
const GRAFANA = { instance: 'main' };
const GLAB = { kind: 'glab', instance: 'main', repository: FORGED };

const LONG = { timeout: 600_000 };

describe.skipIf(missing.length > 0)('the workflow gitops-deploy (needs the test bed’s Argo CD)', LONG, () => {
  let root: string;
  let servers: GitOpsServers & { readonly stop: () => Promise<void> };
  let temporal: Awaited<ReturnType<typeof ownTemporal>>;
  let person: ArgocdClient;
  let developer: WorkingCopy;
  let around: Surroundings;
  let embedded: Deployer;
  let onTemporal: Deployer;
  beforeAll(async () => {
    [servers, temporal] = await Promise.all([ownServers('shop', deployedFiles()), ownTemporal()]);
    dropRoot();
    root = mkdtempSync(join(tmpdir(), 'carapulse gitops '));
    developer = new WorkingCopy(join(root, 'work'), servers.repository.path);
    around = await startSurroundings(join(root, 'around'), servers.repository.path);
    person = new ArgocdClient(servers);
    await person.create('shop', 'shop', 'shop');
    await person.synced('shop');
    const { connectors } = around;
    embedded = await Deployer.start({ directory: join(root, 'embedded'), servers, connectors });
    onTemporal = await Deployer.start({
      directory: join(root, 'on-temporal'),
      servers,
      connectors,
      orchestrator: { engine: 'temporal', temporal: { address: temporal.address } },
    });
  }, LONG.timeout);
  afterAll(async () => {
    await endAssistants();
    await around?.stop();
    await servers?.stop();
    await temporal?.stop();
    rmSync(root, { recursive: true, force: true });
  });

  const app = async () =>
    (await person.ask('GET', 'applications/shop?refresh=normal')) as {
      status: {
        sync: JsonObject;
        health: JsonObject;
        summary: JsonObject;
        operationState: { operation: JsonObject; phase: string };
      };
    };
  const marks = () => [...around.grafana.annotations.values()].map(({ text }) => text);
  const main = () => developer.tell('rev-parse', 'main');
  const tree = () => developer.tell('rev-parse', 'main^{tree}');
  /** The forge runs its checks on what a plan has proposed, with this end. */
  async function checksEnd(plan: PlanView, status: 'success' | 'failed'): Promise<void> {
    const sha = await proposed(plan, around.tipOf);
    const pipelines = around.gitlab.projects.get(FORGED)?.pipelines;
    pipelines?.push({ id: pipelines.length + 1, sha, status });
  }

  test('a good release is committed, synced to exactly that commit, seen healthy, compared and marked', async () => {
    const before = await main();
    const { plan, execution, ...seen } = await embedded.run('1.1.0', { metric: METRIC, grafana: GRAFANA });
    expect(execution).toMatchObject({ status: 'succeeded' });
    const tip = await main();
    expect(plan.plan.steps).toMatchObject([
      { step_id: 'metric-before', kind: 'read' },
      { step_id: 'annotate' },
      { step_id: 'commit', call: { input: { base_revision: before, expected_commit: tip } } },
      { step_id: 'sync', call: { input: { revision: tip, prune: false, namespaces: ['shop'] } } },
      { step_id: 'metric-after', kind: 'read' },
    ]);
    expect(plan.plan.blast_radius.resources).toEqual([
      'grafana:main',
      'git:shop/refs/heads/main',
      'argocd:main/default/shop',
    ]);
    expect(verdictsOf({ execution, ...seen })).toMatchObject({
      deployed: 'passed',
      'metric-holds': 'passed',
    });
    expect(marks()).toEqual([`Deployment of shop: Set /image/tag of ${VALUES} to "1.1.0"`]);
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

  test('a bad release is caught, synced back, reverted in Git, seen to be as before, and both are marked', async () => {
    const [before, files, marked] = [await main(), await tree(), marks().length];
    const ended = await embedded.run('1.2.0-crash', { ...BAD, grafana: GRAFANA });
    expect(ended.execution).toMatchObject({ status: 'rolled_back' });
    expect(verdictsOf(ended)).toEqual({
      'branch-unmoved': 'passed',
      'app-rests': 'passed',
      'commit-is-tip': 'passed',
      deployed: 'failed',
      'synced-back': 'passed',
      'tree-restored': 'passed',
      'app-restored': 'passed',
      'taking-back-marked': 'passed',
    });
    expect(await developer.tell('rev-parse', 'main~2')).toBe(before);
    expect(await tree()).toBe(files);
    expect(await developer.tell('show', `main~1:${VALUES}`)).toContain('tag: 1.2.0-crash\n');
    expect((await app()).status).toMatchObject({
      sync: { status: 'Synced', revision: await main() },
      health: { status: 'Healthy' },
      summary: { images: ['registry.example/shop:1.1.0'] },
    });
    const text = `shop: Set /image/tag of ${VALUES} to "1.2.0-crash"`;
    expect(marks().slice(marked)).toEqual([`Deployment of ${text}`, `Deployment taken back, ${text}`]);
  });

  test('a Grafana that is away ends a run before Git is touched', async () => {
    const before = await main();
    // As often as the step is tried.
    around.grafana.fail({ how: 'refuse', times: 3, reply: { status: 503 } });
    const { execution } = await embedded.run('1.2.1', { grafana: GRAFANA });
    expect(execution).toMatchObject({ status: 'failed' });
    expect(await main()).toBe(before);
  });

  test('a release by which a metric gets worse is taken back, however healthy it is', async () => {
    const [before, files] = [await main(), await tree()];
    const plan = await embedded.plan('1.3.0', { metric: METRIC });
    const execution = await embedded.begin(plan);
    await until('the commit', async () => ((await main()) === before ? null : true));
    around.measure(4);
    const ended = await embedded.ended(execution);
    around.measure(1);
    expect(ended.execution).toMatchObject({ status: 'rolled_back' });
    expect(verdictsOf(ended)).toMatchObject({
      deployed: 'passed',
      'metric-holds': 'failed',
      'app-restored': 'passed',
    });
    const said = ended.checks.find(({ check_id }) => check_id === 'metric-holds')?.detail;
    expect(said).toContain('/value is 4, wanted lte 1.5 (1 × 1 of metric-before + 0.5)');
    expect(await tree()).toBe(files);
  });

  test('a metric that is gone after a release is neither good nor bad: the run waits for a person', async () => {
    const before = await main();
    const plan = await embedded.plan('1.3.1', { metric: METRIC });
    const execution = await embedded.begin(plan);
    await until('the commit', async () => ((await main()) === before ? null : true));
    around.measure(null);
    expect((await embedded.ended(execution)).execution).toMatchObject({ status: 'parked' });
    expect(await main()).toBe(commitOf(plan));
    around.measure(1);
    await embedded.assistant.as('alice').call('resumeExecution', {
      params: { execution_id: execution },
      body: { reason: 'it is scraped again' },
    });
    const status = await until('the end', async () => {
      const { execution: now } = await embedded.ended(execution);
      return now.status === 'parked' ? null : now.status;
    });
    expect(status).toBe('succeeded');
    // Of what has no value no plan is made that compares with it.
    const nothing = { ...METRIC, query: 'nothing_like_this' };
    await expect(embedded.plan('1.3.2', { metric: nothing })).rejects.toThrow('has no series in the window');
  });

  test('a request whose checks fail is closed, its branch is gone, and the branch that it was for is untouched', async () => {
    const before = await main();
    const plan = await embedded.plan('1.4.0', { forge: { ...GLAB, checks_within_seconds: 10 } });
    const execution = await embedded.begin(plan);
    await checksEnd(plan, 'failed');
    const ended = await embedded.ended(execution);
    expect(ended.execution).toMatchObject({ status: 'rolled_back' });
    expect(verdictsOf(ended)).toEqual({
      proposed: 'passed',
      'request-open': 'passed',
      'forge-checks': 'failed',
      'request-closed': 'passed',
      withdrawn: 'passed',
    });
    const [request] = (await around.mergeRequests()).slice(-1);
    expect(request).toMatchObject({ state: 'closed', sourceBranch: branchOf(plan) });
    expect([around.tipOf(branchOf(plan)), await main()]).toEqual([null, before]);
  });

  test('a forge that runs no checks is told apart from one whose checks passed', async () => {
    const before = await main();
    const plan = await embedded.plan('1.4.0', { forge: { ...GLAB, checks_within_seconds: 10 } });
    const execution = await embedded.begin(plan);
    const ended = await embedded.ended(execution);
    expect(ended.execution).toMatchObject({ status: 'parked' });
    expect(verdictsOf(ended)).toMatchObject({ 'forge-checks': 'inconclusive' });
    expect(await main()).toBe(before);
    await embedded.assistant.as('alice').call('cancelExecution', {
      params: { execution_id: execution },
      body: { reason: 'there is nothing that checks it' },
    });
    await until('the end', async () => {
      const { execution: now } = await embedded.ended(execution);
      return now.status === 'cancelled' ? true : null;
    });
    const [request] = (await around.mergeRequests()).slice(-1);
    expect([around.tipOf(branchOf(plan)), request?.state]).toEqual([null, 'closed']);
  });

  test('a pull request of a branch that somebody else moves meanwhile is closed, and nothing of theirs is lost', async ({
    skip,
  }) => {
    if (around.githubUrl === null) return skip('gh does not reach this machine by any name');
    const repository = around.github.repositories.get(FORGED);
    const forge = { kind: 'gh', instance: 'main', repository: FORGED, required_checks: ['build'] };
    const plan = await embedded.plan('1.4.0', { forge });
    const execution = await embedded.begin(plan);
    const sha = await proposed(plan, around.tipOf);
    await until('the pull request', () => Promise.resolve(repository?.pulls.at(-1) ?? null));
    const theirs = await developer.push({ 'README.md': 'theirs\n' }, 'Somebody else');
    repository?.checks.set(sha, [{ name: 'build', status: 'completed', conclusion: 'success' }]);
    const ended = await embedded.ended(execution);
    expect(ended.execution).toMatchObject({ status: 'rolled_back' });
    expect(verdictsOf(ended)).toMatchObject({
      'forge-checks': 'passed',
      'branch-unmoved': 'failed',
      'request-closed': 'passed',
      withdrawn: 'passed',
    });
    expect(repository?.pulls.at(-1)).toMatchObject({ state: 'closed', merged: false });
    expect([around.tipOf(branchOf(plan)), await main()]).toEqual([null, theirs]);
    await person.synced('shop');
  });

  test('on Temporal, a release goes through a merge request, merged by its commit getting onto the branch', async () => {
    const [opened, marked] = [(await around.mergeRequests()).length, marks().length];
    const plan = await onTemporal.plan('1.5.0', { forge: GLAB, grafana: GRAFANA, metric: METRIC });
    const [commit, branch] = [commitOf(plan), branchOf(plan)];
    const execution = await onTemporal.begin(plan);
    await checksEnd(plan, 'success');
    const ended = await onTemporal.ended(execution);
    expect(ended.execution).toMatchObject({ status: 'succeeded' });
    expect(verdictsOf(ended)).toMatchObject({ 'forge-checks': 'passed', 'metric-holds': 'passed' });
    expect([await main(), around.tipOf(branch)]).toEqual([commit, commit]);
    const requests = (await around.mergeRequests()).slice(opened);
    expect(requests).toMatchObject([{ state: 'merged', sourceBranch: branch }]);
    expect(marks().slice(marked)).toHaveLength(1);
    expect((await app()).status).toMatchObject({ sync: { status: 'Synced', revision: commit } });
  });

  test.each([
    ['the embedded engine', () => embedded],
    ['Temporal', () => onTemporal],
  ] as const)(
    'on %s, killed in the middle of each write, there and back, each is made once',
    async (engine, on) => {
      const deployer = on();
      const [before, files] = [await main(), await tree()];
      const [opened, marked] = [(await around.mergeRequests()).length, marks().length];
      const value = `1.6.0-crash-on-${engine.split(' ').at(-1)?.toLowerCase()}`;
      const plan = await deployer.plan(value, { ...BAD, forge: GLAB, grafana: GRAFANA });
      const [commit, branch] = [commitOf(plan), branchOf(plan)];
      const execution = await deployer.begin(plan);
      const checked = checksEnd(plan, 'success');
      await deployer.killedAt([
        onceSeen(() => around.tipOf(branch) === commit),
        onRequest(around.gitlab, 'POST', /merge_requests$/),
        onRequest(around.grafana, 'POST', /annotations$/),
        onceSeen(() => around.tipOf('main') === commit),
        onceSeen(() => around.tipOf('main') !== commit),
        onRequest(around.grafana, 'POST', /annotations$/),
        onceSeen(() => around.tipOf(branch) === null),
      ]);
      await checked;
      expect((await deployer.ended(execution)).execution).toMatchObject({ status: 'rolled_back' });
      expect(await tree()).toBe(files);
      expect([await developer.tell('rev-parse', 'main~1', 'main~2')].join()).toBe(`${commit}\n${before}`);
      expect(around.tipOf(branch)).toBeNull();
      const requests = (await around.mergeRequests()).slice(opened);
      expect(requests).toMatchObject([{ state: 'merged', sourceBranch: branch }]);
      expect(marks().slice(marked)).toHaveLength(2);
    },
  );

  test('no plan is made of what cannot be held to', async () => {
    const refusal = (value: string, more: JsonObject = {}) =>
      embedded.plan(value, more).then(
        () => 'a plan',
        (error: Error) => error.message,
      );
    const now = (await developer.tell('show', `main:${VALUES}`)).match(/tag: (.*)/)?.[1] ?? '';
    expect(await refusal(now)).toContain(`"${now}" already`);
    expect(await refusal('1.9.0', { pointer: '/image' })).toContain('no text, number or truth value');
    expect(await refusal('1.9.0', { file: 'shop/none.yaml' })).toContain('has no file');
    expect(await refusal('1.9.0', { application: { instance: 'main', name: 'none' } })).toContain('none');
    await person.ask('PATCH', 'applications/shop', {
      name: 'shop',
      patchType: 'merge',
      patch: JSON.stringify({ spec: { syncPolicy: { automated: {} } } }),
    });
    expect(await refusal('1.9.0')).toContain('syncs the application by itself');
  });
});
