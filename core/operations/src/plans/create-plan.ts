import { profileOf } from '@carapulse/diagnosis';
import { AppError, idSchema, newId, toTimestamp } from '@carapulse/kernel';
import { matchPlaybooks, planFromPlaybook } from '@carapulse/planning';
import { z } from 'zod';
import { loadIncident } from '../incidents/get-incident.ts';
import { readToolFor } from '../incidents/read-tool.ts';
import type { WriteOperation } from '../operation.ts';
import { loadPlaybooks } from '../playbooks/load-playbooks.ts';
import type { PlanRecord } from '../ports/index.ts';
import { proposePlan } from './propose-plan.ts';

const Input = z.strictObject({ playbook: z.string().min(1).max(100), incident_id: idSchema('incident') });

/**
 * Makes a plan from a playbook a person has chosen, for an incident that was investigated.
 * @throws AppError `not_found` (playbook, incident), `precondition_failed` saying why the playbook does not fit.
 */
export const createPlan: WriteOperation<z.infer<typeof Input>, PlanRecord> = {
  kind: 'write',
  name: 'create-plan',
  permission: 'plan.create',
  auditAction: 'plan.create',
  input: Input,
  run: async (context, { playbook: name, incident_id }, commit) => {
    const { actor, services, signal } = context;
    const { read } = services.store;
    const incident = await loadIncident(read, actor.tenant_id, incident_id);
    const alerts = await read.alerts(incident_id);
    const investigations = await read.investigations(incident_id);
    const all = await loadPlaybooks(read, actor.tenant_id, services.logger);
    const playbooks = all.filter((each) => each.playbook.name === name);
    if (playbooks.length === 0) {
      throw new AppError(
        'not_found',
        `There is no playbook ${name}; there are: ${all.map((each) => each.playbook.name).join(', ') || 'none'}.`,
      );
    }
    const investigation = investigations.at(-1);
    if (investigation === undefined) {
      throw new AppError(
        'precondition_failed',
        `Incident ${incident_id} has not been looked into; \`assistantctl incident investigate ${incident_id}\`.`,
      );
    }
    const profile = profileOf(services.planning.profiles, incident.service);
    const findings = investigations.findLast((each) => each.ended_at !== null)?.findings ?? [];
    const match = matchPlaybooks({ playbooks, incident, alerts, diagnosis: { findings }, profile })[0];
    if (match === undefined || !match.matched) {
      throw new AppError(
        'precondition_failed',
        `Playbook ${name} does not fit incident ${incident_id}: ${match?.because.join('; ') ?? ''}.`,
      );
    }
    const outcome = await planFromPlaybook(
      {
        match,
        incident,
        alerts,
        profile,
        planId: newId('plan', services.clock, services.random),
        createdBy: actor.id,
        trigger: { kind: 'manual', ref: incident_id },
        context: incident.context,
        now: toTimestamp(services.clock.nowMs()),
        catalogue: services.planning.catalogue,
        // What a person has a plan made from is shown with the incident, beside what the investigation saw.
        readTool: readToolFor(context, incident.context, {
          investigationId: investigation.investigation_id,
        }).readTool,
      },
      signal,
    );
    if (outcome.kind === 'not_planned') {
      throw new AppError(
        'precondition_failed',
        `Playbook ${name} makes no plan now: ${outcome.because.join('; ')}.`,
      );
    }
    return proposePlan(context, { draft: outcome.draft, breakGlass: null }, commit);
  },
};
