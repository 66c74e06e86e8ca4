import { evaluateTampering } from './tampering.ts';
import {
  approve,
  assistantctl,
  breakByCommit,
  seeBroken,
  seeHealthy,
  seeInvestigation,
  seePlan,
  seeProof,
  seeRun,
} from './acts.ts';
import type { Variant } from './demo-options.ts';
import { decide, followRun, pushes, until, type Stage } from './stage.ts';

/** Tells one story. @returns true when everything that it promises was really seen. */
export type Story = (stage: Stage) => Promise<boolean>;

export const STORIES: Readonly<Record<Variant, Story>> = {
  repair: tellRepair,
  deny: tellDenial,
  'bad-fix': tellBadFix,
  'other-cause': tellOtherCause,
  crash: tellCrash,
  halt: tellHalt,
  tamper: tellTampering,
};

async function tellRepair(stage: Stage): Promise<boolean> {
  await breakByCommit(stage);
  const plan = await seePlan(stage, await seeInvestigation(stage));
  const executionId = await approve(stage, plan);
  if (executionId === null) {
    stage.tell.line('Nothing was changed; the service is still broken.');
    return false;
  }
  const status = await seeRun(stage, executionId);
  if (status !== 'succeeded') return false;
  await seeHealthy(stage);
  return seeProof(stage, executionId);
}

async function tellDenial(stage: Stage): Promise<boolean> {
  const { tell } = stage;
  await breakByCommit(stage);
  const plan = await seePlan(stage, await seeInvestigation(stage));
  const before = (await pushes(stage)).length;
  tell.chapter('bob denies it');
  await decide(stage, plan, 'deny');
  const { body } = await stage.assistant
    .as('alice')
    .call('getPlan', { params: { plan_id: plan.plan.plan_id }, signal: stage.signal });
  tell.line(`the plan is ${body.status}: ${body.status_reason}`);
  const after = (await pushes(stage)).length;
  tell.line(`pushes to main before and after: ${before}, ${after}`);
  const untouched = body.status === 'denied' && body.execution_id === null && before === after;
  if (untouched) tell.good('Nothing was changed.');
  return untouched;
}

async function tellBadFix(stage: Stage): Promise<boolean> {
  const { tell, production, signal } = stage;
  await breakByCommit(stage);
  const incident = await seeInvestigation(stage);
  const plan = await seePlan(stage, incident);
  await production.hideSecondFault(signal);
  tell.line('(behind the scenes a second fault now hides behind the first: the revert alone will not help)');
  const executionId = await approve(stage, plan);
  if (executionId === null) return false;
  const status = await seeRun(stage, executionId);
  const { body } = await stage.assistant
    .as('alice')
    .call('getIncident', { params: { incident_id: incident.incident.incident_id }, signal });
  tell.line(`the incident is ${body.incident.status}`);
  const proved = await seeProof(stage, executionId);
  const open = body.incident.status !== 'resolved' && body.incident.status !== 'closed';
  if (status === 'rolled_back' && open)
    tell.good('The repair was rolled back to the recorded state, and the incident stays open.');
  return status === 'rolled_back' && open && proved;
}

async function tellOtherCause(stage: Stage): Promise<boolean> {
  const { tell, production, signal } = stage;
  tell.chapter('Innocent commits are pushed; then something outside Git breaks');
  const commits = await production.pushInnocentCommits(signal);
  const last = commits.at(-1);
  await production.waitUntil('healthy', signal, last === undefined ? {} : { revision: last.revision });
  await production.breakOutsideGit(signal);
  await seeBroken(stage);
  const incident = await seeInvestigation(stage);
  const investigation = incident.investigations.at(-1);
  const blamedGit = (investigation?.findings ?? []).some((finding) => finding.cause === 'bad_change');
  const honest = investigation?.plan_id === null && !blamedGit && (investigation?.excluded.length ?? 0) > 0;
  if (honest) tell.good('No plan was forced; the investigation says what it excluded, and why.');
  return honest;
}

async function tellCrash(stage: Stage): Promise<boolean> {
  const { tell } = stage;
  await breakByCommit(stage);
  const plan = await seePlan(stage, await seeInvestigation(stage));
  const before = (await pushes(stage)).length;
  const executionId = await approve(stage, plan);
  if (executionId === null) return false;
  const write = plan.plan.steps.find((step) => step.kind === 'write')?.step_id ?? 'none';
  tell.chapter('Carapulse is killed in the middle of the write, and started again');
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
  const { status } = await followRun(stage, executionId, { afterSeq: first.seq });
  tell.line(`${executionId}  ${status ?? 'unknown'}`);
  await seeHealthy(stage);
  const effects = (await pushes(stage)).length - before;
  tell.line(`pushes to main by the plan, counted by the repository: ${effects}`);
  const once = kill.done !== undefined && status === 'succeeded' && effects === 1;
  if (once) tell.good('One effect, nothing lost.');
  return (await seeProof(stage, executionId)) && once;
}

async function tellHalt(stage: Stage): Promise<boolean> {
  const { tell, signal } = stage;
  await breakByCommit(stage);
  const plan = await seePlan(stage, await seeInvestigation(stage));
  const before = (await pushes(stage)).length;
  tell.chapter('alice halts all writes before the plan is approved');
  assistantctl(stage, ['halt', '--as', 'alice', '--reason', 'demo: stop everything']);
  const executionId = await approve(stage, plan);
  if (executionId === null) return false;
  const client = stage.assistant.as('alice');
  const waiting = await until('the run to meet the halt', 20_000, signal, async () => {
    const { body } = await client.call('getExecution', { params: { execution_id: executionId }, signal });
    return body.execution.status_reason.startsWith('halted') ? body : null;
  });
  tell.line(`the run waits: ${waiting.execution.status_reason}`);
  const during = (await pushes(stage)).length;
  tell.line(`pushes while halted: ${during - before}`);
  tell.chapter('alice lets writes run again');
  assistantctl(stage, ['resume', '--as', 'alice', '--reason', 'demo: go on']);
  const status = await seeRun(stage, executionId);
  await seeHealthy(stage);
  const stopped = during === before && status === 'succeeded';
  if (stopped) tell.good('No write while halted; the same run went on afterwards.');
  return stopped;
}

async function tellTampering(stage: Stage): Promise<boolean> {
  if (!(await tellRepair(stage))) return false;
  return evaluateTampering(stage);
}
