import { diagnose, profileOf, type Diagnosis } from '@carapulse/diagnosis';
import type { Incident, Investigation } from '@carapulse/incident';
import { AppError, newId, toAppError, toTimestamp } from '@carapulse/kernel';
import { createPlaybookPlanner, type Proposal } from '@carapulse/planning';
import { isStoreAway } from '../effects/once-store-answers.ts';
import { commitAudited, type Committed, type OperationContext } from '../operation.ts';
import { loadPlaybooks } from '../playbooks/load-playbooks.ts';
import { proposePlan } from '../plans/propose-plan.ts';
import type { StoreTransaction } from '../ports/index.ts';
import { collectEvidence } from './collect-evidence.ts';
import { loadIncident } from './get-incident.ts';
import { moveIncident } from './move-incident.ts';
import { readToolFor } from './read-tool.ts';

/**
 * Carries one queued investigation through: evidence → diagnosis → playbook → plan. It only reads, so a crash in the
 * middle just means that it is done again; the plan and the investigation's end are one commit.
 */
export async function conductInvestigation(context: OperationContext, queued: Investigation): Promise<void> {
  const { services } = context;
  const now = (): string => toTimestamp(services.clock.nowMs());
  const running: Investigation = { ...queued, status: 'running', started_at: now() };
  try {
    const incident = await start(context, running);
    const alerts = await services.store.read.alerts(incident.incident_id);
    const profile = profileOf(services.planning.profiles, incident.service);
    const collected = await collectEvidence(context, incident, alerts, profile, queued.investigation_id);
    const diagnosis = diagnose({ incident, alerts, profile, ...collected });
    const planner = createPlaybookPlanner({
      playbooks: () => loadPlaybooks(services.store.read, queued.tenant_id, services.logger),
      catalogue: services.planning.catalogue,
      readTool: readToolFor(context, incident.context, { investigationId: queued.investigation_id }).readTool,
    });
    const proposal = await planner.propose(
      {
        incident,
        alerts,
        diagnosis,
        profile,
        planId: newId('plan', services.clock, services.random),
        createdBy: context.actor.id,
        trigger: { kind: 'alert', ref: alerts[0]?.alert_id ?? null },
        context: incident.context,
        now: now(),
      },
      context.signal,
    );
    await conclude(context, running, diagnosis, proposal, now());
  } catch (error) {
    if (context.signal.aborted) throw error;
    const failure = toAppError(error);
    // Nothing is known of it while our own store is away: it is taken up again.
    if (failure.code === 'fenced' || isStoreAway(failure)) throw failure;
    services.logger.error('an investigation failed', {
      investigation_id: queued.investigation_id,
      cause: failure.message,
    });
    await end(context, {
      ...running,
      status: 'failed',
      conclusion: failure.message.slice(0, 4000),
      ended_at: now(),
    });
  }
}

async function start(context: OperationContext, running: Investigation): Promise<Incident> {
  const { store } = context.services;
  const incident = await loadIncident(store.read, running.tenant_id, running.incident_id);
  const living = await store.read.livingProcesses();
  await commitAudited(context, async (tx) => {
    await assertOurs(tx, context, running, living);
    await tx.updateInvestigation(running);
    const events = await moveIncident(
      tx,
      context.services,
      running.tenant_id,
      running.incident_id,
      'investigating',
    );
    return { result: null, audit: note('investigation.start', running, {}), events };
  });
  return incident;
}

async function conclude(
  context: OperationContext,
  running: Investigation,
  diagnosis: Diagnosis,
  proposal: Proposal,
  at: string,
): Promise<void> {
  const ended: Investigation = {
    ...running,
    status: diagnosis.findings.length === 0 ? 'abstained' : 'concluded',
    findings: [...diagnosis.findings],
    excluded: [...diagnosis.excluded],
    missing: [...diagnosis.missing],
    matched: proposal.matches.map((match) => ({
      playbook: match.playbook.playbook.name,
      matched: match.matched,
      because: [...match.because],
    })),
    conclusion: [
      diagnosis.conclusion,
      ...(proposal.draft === null ? [`No plan: ${proposal.because.join('; ')}.`] : []),
    ]
      .join('\n')
      .slice(0, 4000),
    ended_at: at,
  };
  const { draft } = proposal;
  if (draft === null) return end(context, ended);
  const living = await context.services.store.read.livingProcesses();
  await proposePlan(
    context,
    {
      draft,
      breakGlass: null,
      alongside: async (tx, record) =>
        writeEnd(tx, context, { ...ended, plan_id: record.plan.plan_id }, living),
    },
    (work) => commitAudited(context, work),
  );
}

async function end(context: OperationContext, ended: Investigation): Promise<void> {
  const living = await context.services.store.read.livingProcesses();
  await commitAudited(context, async (tx) => ({
    result: null,
    audit: note('investigation.end', ended, {
      findings: ended.findings.length,
      excluded: ended.excluded.length,
    }),
    events: await writeEnd(tx, context, ended, living),
  }));
}

async function writeEnd(
  tx: StoreTransaction,
  context: OperationContext,
  ended: Investigation,
  living: ReadonlySet<number>,
): Promise<Committed<null>['events']> {
  await assertOurs(tx, context, ended, living);
  await tx.updateInvestigation(ended);
  const to = ended.findings.length > 0 ? 'identified' : 'open';
  return moveIncident(tx, context.services, ended.tenant_id, ended.incident_id, to);
}

/** @throws AppError `fenced` when another process conducts it now, or has ended it. */
async function assertOurs(
  tx: StoreTransaction,
  { services }: OperationContext,
  { investigation_id: id }: Investigation,
  living: ReadonlySet<number>,
): Promise<void> {
  if (await tx.claimInvestigation(id, services.epoch, living)) return;
  throw new AppError('fenced', `The investigation ${id} is conducted by another process, or has ended.`);
}

function note(
  action: string,
  investigation: Investigation,
  details: Readonly<Record<string, number>>,
): Committed<null>['audit'] {
  const failed = investigation.status === 'failed';
  return {
    action,
    phase: 'event',
    subject: { kind: 'incident', id: investigation.incident_id },
    outcome: { result: failed ? 'failed' : 'ok' },
    details: { investigation_id: investigation.investigation_id, status: investigation.status, ...details },
  };
}
