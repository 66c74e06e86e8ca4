import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { installationPaths } from '../installation/installation-paths.ts';
import {
  decide,
  followRun,
  investigatedIncident,
  proposedPlan,
  type IncidentOnStage,
  type PlanOnStage,
  type Scene,
  type Stage,
} from './stage.ts';

const ASSISTANTCTL = join(import.meta.dirname, '..', '..', '..', 'assistantctl', 'src', 'main.ts');
const BREAK_WITHIN_MS = 20_000;
const HEAL_WITHIN_MS = 30_000;
/** A command that plans reads a lot, on a machine that is busy with a cluster. */
const COMMAND_MS = 120_000;

const within = (stage: Stage, ms: number): AbortSignal =>
  AbortSignal.any([stage.signal, AbortSignal.timeout(ms)]);
const short = (revision: string): string => revision.slice(0, 10);

/** Pushes the bad commit and innocent ones after it, and waits until the service really fails. */
export async function breakByCommit(stage: Stage): Promise<string> {
  const { tell, production } = stage;
  tell.chapter('Somebody pushes a bad commit, others push after it');
  const bad = await production.pushBadCommit(within(stage, BREAK_WITHIN_MS));
  tell.line(`${short(bad.revision)}  ${bad.subject}  (${bad.author})`);
  for (const commit of await production.pushInnocentCommits(within(stage, BREAK_WITHIN_MS))) {
    tell.line(`${short(commit.revision)}  ${commit.subject}  (${commit.author})`);
  }
  await seeBroken(stage);
  return bad.revision;
}

/** Waits until the probe has seen the service fail. */
export async function seeBroken(stage: Stage): Promise<void> {
  const sample = await stage.production.waitUntil('broken', within(stage, BREAK_WITHIN_MS));
  stage.tell.bad(
    `GET /checkout answers ${sample.status === 0 ? 'nothing' : sample.status}; the probe posts an alert to Carapulse`,
  );
}

/** Waits until the probe has seen the service work again. */
export async function seeHealthy(stage: Stage): Promise<void> {
  const sample = await stage.production.waitUntil('healthy', within(stage, HEAL_WITHIN_MS));
  stage.tell.good(`GET /checkout answers ${sample.status}, revision ${short(sample.revision ?? 'unknown')}`);
}

/** Shows what Carapulse found out by itself. */
export async function seeInvestigation(stage: Scene): Promise<IncidentOnStage> {
  const { tell } = stage;
  tell.chapter('Carapulse opens an incident and investigates');
  const incident = await investigatedIncident(stage);
  const investigation = incident.investigations.at(-1);
  tell.line(`${incident.incident.incident_id}  ${incident.incident.title}  (${incident.incident.severity})`);
  for (const text of (investigation?.conclusion ?? '').split('\n')) tell.line(text);
  tell.line(
    `${incident.evidence.length} pieces of evidence: ${[...new Set(incident.evidence.map((each) => each.kind))].join(', ')}`,
  );
  for (const match of investigation?.matched ?? []) {
    tell.line(
      `playbook ${match.playbook}: ${match.matched ? 'matched' : 'not matched'} because ${match.because.join('; ')}`,
    );
  }
  return incident;
}

/** Shows the plan as its approver sees it. */
export async function seePlan(stage: Scene, incident: IncidentOnStage): Promise<PlanOnStage> {
  stage.tell.chapter('It proposes one plan, bound to its hash');
  const plan = await proposedPlan(stage, incident);
  if (plan === null)
    throw new Error(
      'The investigation led to no plan; look at the incident with `assistantctl incident show`.',
    );
  stage.tell.block(plan.card);
  return plan;
}

/** Lets the person at the terminal decide, or bob through the same API. */
export async function approve(stage: Scene, plan: PlanOnStage): Promise<string | null> {
  const { tell, options } = stage;
  tell.chapter('Policy asks for the approval of somebody else than the requester');
  const asked = !options.yes && process.stdin.isTTY && process.stdout.isTTY;
  const yes = asked ? await askPerson(stage.signal) : true;
  const executionId = await decide(stage, plan, yes ? 'approve' : 'deny');
  tell.line(
    `${asked ? 'you, as bob,' : 'bob'} ${yes ? 'approved' : 'denied'} ${plan.plan.plan_hash.slice(0, 19)}…`,
  );
  return executionId;
}

async function askPerson(signal: AbortSignal): Promise<boolean> {
  const prompt = createInterface({ input: process.stdin, output: process.stdout });
  try {
    const answer = await prompt.question('          Approve this plan as bob? [y/N] ', { signal });
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    prompt.close();
  }
}

/** Follows a run to its end. */
export async function seeRun(stage: Scene, executionId: string): Promise<string> {
  stage.tell.chapter('A durable workflow runs it in the sandbox');
  const { status, reason } = await followRun(stage, executionId);
  stage.tell.line(`${executionId}  ${status ?? 'unknown'}${reason === '' ? '' : `: ${reason}`}`);
  return status ?? 'unknown';
}

/** Shows what can be proved afterwards, with the commands that anybody can run. */
export async function seeProof(stage: Scene, executionId: string): Promise<boolean> {
  const { tell, options, assistant } = stage;
  tell.chapter('What remains can be proved');
  const { body } = await assistant
    .as('alice')
    .call('getExecution', { params: { execution_id: executionId }, signal: stage.signal });
  for (const { check_id, phase, verdict } of body.checks) {
    const asItMust = phase === 'before' && verdict === 'failed' ? ', as it must' : '';
    tell.line(`check ${check_id} (${phase.replaceAll('_', ' ')}): ${verdict}${asItMust}`);
  }
  tell.line(
    `${body.evidence.length} evidence objects with checksums in ${installationPaths(options.directory).objects}`,
  );
  const receipt = join(installationPaths(options.directory).objects, 'evidence', executionId, 'receipt.json');
  const audit = assistantctl(stage, ['audit', 'verify']);
  const proof = assistantctl(stage, ['audit', 'receipt', 'verify', receipt]);
  return audit && proof;
}

/** Runs a command as a person would and shows it with what it says. */
export function assistantctl(stage: Scene, args: readonly string[]): boolean {
  const { tell, options } = stage;
  tell.line(`$ assistantctl ${args.map((each) => (/[\s']/.test(each) ? `'${each}'` : each)).join(' ')}`);
  const done = spawnSync(
    process.execPath,
    [...process.execArgv, ASSISTANTCTL, ...args, '--directory', options.directory],
    {
      encoding: 'utf8',
      timeout: COMMAND_MS,
      env: { ...process.env, NO_COLOR: '1' },
    },
  );
  for (const text of `${done.stdout}${done.stderr}`.trimEnd().split('\n')) tell.line(`  ${text}`);
  if (done.status === null) tell.bad(`it had not ended after ${COMMAND_MS / 1000} s and was given up`);
  return done.status === 0;
}
