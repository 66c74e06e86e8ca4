import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '@carapulse/kernel';
import { approve, assistantctl, seeProof, seeRun } from '../demo/acts.ts';
import { followRun, type PlanOnStage, type Scene } from '../demo/stage.ts';
import type { Administrator } from './administrator.ts';
import { NAMESPACE } from './cluster-config.ts';

/** @returns true when everything that the story promises was really seen. */
export async function tellClusterStory(
  stage: Scene,
  administrator: Administrator,
  chart: string,
): Promise<boolean> {
  const { tell } = stage;
  tell.chapter('A release runs, installed by an administrator with helm');
  await seeRelease(stage, administrator);
  const before = await manifestOf(administrator);
  tell.chapter('alice wants the new version; what she asks for becomes a plan, not an effect');
  const bad = await upgradeTo(stage, chart, '1.1.0-crash', 'the release of this week');
  if (!(await seeRolledBack(stage, bad))) return false;
  await seeRelease(stage, administrator);
  const restored = (await manifestOf(administrator)) === before;
  if (restored)
    tell.good('Every object is as it was, as the API server tells; the pods never stopped serving.');
  tell.chapter('alice tries again with a version that works');
  const good = await upgradeTo(stage, chart, '1.1.0', 'the release of this week, mended');
  const executionId = await approve(stage, good);
  if (executionId === null) return false;
  const status = await seeRun(stage, executionId);
  await seeRelease(stage, administrator);
  const proved = await seeProof(stage, executionId);
  return restored && status === 'succeeded' && proved;
}

/** Starts the workflow as a person would. @returns the plan that it made. */
async function upgradeTo(stage: Scene, chart: string, tag: string, reason: string): Promise<PlanOnStage> {
  const file = join(stage.options.directory, `upgrade-${tag}.json`);
  const input = {
    cluster: 'main',
    namespace: NAMESPACE,
    release: 'shop',
    chart: 'shop',
    version: chart,
    service: 'shop',
  };
  await writeFile(file, JSON.stringify({ ...input, set: { image: { tag } } }, null, 2));
  const asked = ['workflow', 'start', 'helm-release', '-f', file, '--reason', reason, '--as', 'alice'];
  if (!assistantctl(stage, asked))
    throw new AppError('precondition_failed', 'The workflow made no plan; it says above why.');
  const client = stage.assistant.as('alice');
  const { body } = await client.call('listPlans', { query: { limit: 1 }, signal: stage.signal });
  const [newest] = body.items;
  if (newest === undefined) throw new AppError('internal', 'The plan that was made is not listed.');
  return (await client.call('getPlan', { params: { plan_id: newest.plan_id }, signal: stage.signal })).body;
}

/** Approves, kills Carapulse in the middle of the upgrade, starts it again and follows the run to its end. */
async function seeRolledBack(stage: Scene, plan: PlanOnStage): Promise<boolean> {
  const { tell } = stage;
  const executionId = await approve(stage, plan);
  if (executionId === null) return false;
  tell.chapter('A durable workflow runs it; Carapulse is killed in the middle, and started again');
  const write = plan.plan.steps.find((step) => step.kind === 'write')?.step_id ?? 'none';
  const kill: { done?: Promise<void> } = {};
  const first = await followRun(stage, executionId, {
    onLine: (text) => {
      if (!text.startsWith(`${write}: `) || kill.done !== undefined) return;
      tell.bad(`SIGKILL to process ${stage.assistant.pid}`);
      kill.done = stage.assistant.kill();
    },
  });
  await kill.done;
  await stage.restart();
  tell.line(`started again as process ${stage.assistant.pid}; it takes the run up where it was`);
  const { status, reason } = await followRun(stage, executionId, { afterSeq: first.seq });
  tell.line(`${executionId}  ${status ?? 'unknown'}${reason === '' ? '' : `: ${reason}`}`);
  const proved = await seeProof(stage, executionId);
  const right = kill.done !== undefined && status === 'rolled_back' && proved;
  if (right) tell.good('The upgrade went bad, its checks said so, and it was taken back and verified.');
  return right;
}

/** What helm and kubectl say of the release, from outside of Carapulse. */
async function seeRelease({ tell }: Scene, administrator: Administrator): Promise<void> {
  const place = ['--namespace', NAMESPACE];
  tell.line(`$ helm history shop --namespace ${NAMESPACE}`);
  tell.block((await administrator.helm(['history', 'shop', ...place])).replaceAll('\t', '  ').split('\n'));
  tell.line(`$ kubectl get pods --namespace ${NAMESPACE}`);
  tell.block((await administrator.kubectl(['get', 'pods', ...place])).split('\n'));
}

function manifestOf(administrator: Administrator): Promise<string> {
  return administrator.helm(['get', 'manifest', 'shop', '--namespace', NAMESPACE]);
}
