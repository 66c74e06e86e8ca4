import {
  breakGlassPlan,
  cancelExecution,
  cancelPlan,
  clearHalt,
  closeIncident,
  createPlan,
  decideApproval,
  executePlan,
  finishExecution,
  getExecution,
  getHalt,
  getHistory,
  getIncident,
  getPlan,
  handbackExecution,
  invoke,
  listApprovals,
  listAuditEvents,
  listExecutions,
  listIncidents,
  listPlans,
  listPlaybooks,
  listWorkflows,
  investigateIncident,
  pauseExecution,
  putPlaybook,
  receiveAlerts,
  releasePlan,
  resolveStep,
  resumeExecution,
  retryStep,
  revokeApproval,
  setHalt,
  skipStep,
  takeoverExecution,
  startWorkflow,
  type IncidentDetail,
  type OperationContext,
  type PlaybookRecord,
} from '@carapulse/operations';
import type { IncidentView, PlanView, PlaybookView } from '@carapulse/contract';
import { JsonObject } from '@carapulse/kernel';
import { decodeCursor, encodeCursor } from './cursor.ts';
import { evidenceView, executionView } from './execution-view.ts';
import type { Handlers } from './handler.ts';
import { approvalView, executionSummary, planSummary, planView } from './plan-view.ts';
import { SCHEDULE_HANDLERS } from './schedule-handlers.ts';

/** What each route does: one verb, shaped. */
export const HANDLERS: Handlers = {
  createPlan: async ({ context, body }) => {
    const { plan } = await invoke(createPlan, context, body);
    return {
      body: await showPlan(context, plan.plan_id),
      headers: { location: `/v1/plans/${plan.plan_id}` },
    };
  },
  listPlans: async ({ context, query }) => {
    const page = await invoke(listPlans, context, {
      limit: query.limit,
      after: decodeCursor('plans', query.cursor),
      ...(query.status && { status: [query.status] }),
      ...(query.incident_id && { incident_id: query.incident_id }),
    });
    return { body: { items: page.items.map(planSummary), next_cursor: encodeCursor('plans', page.next) } };
  },
  getPlan: async ({ context, params }) => ({ body: await showPlan(context, params.plan_id) }),
  executePlan: async ({ context, params, body }) => {
    const execution = await invoke(executePlan, context, { ...params, ...body });
    return {
      body: executionSummary(execution),
      headers: { location: `/v1/executions/${execution.execution_id}` },
    };
  },
  cancelPlan: async ({ context, params, body }) => {
    await invoke(cancelPlan, context, { ...params, ...body });
    return { body: await showPlan(context, params.plan_id) };
  },
  releasePlan: async ({ context, params, body }) => {
    await invoke(releasePlan, context, { ...params, ...body });
    return { body: await showPlan(context, params.plan_id) };
  },
  breakGlassPlan: async ({ context, params, body }) => {
    const { plan } = await invoke(breakGlassPlan, context, { ...params, ...body });
    return {
      body: await showPlan(context, plan.plan_id),
      headers: { location: `/v1/plans/${plan.plan_id}` },
    };
  },
  decideApproval: async ({ context, body }) => {
    const outcome = await invoke(decideApproval, context, body);
    return {
      body: {
        approval_id: outcome.approval_id,
        plan_id: outcome.record.plan.plan_id,
        status: outcome.record.status,
        needed: outcome.count.needed,
        have: outcome.count.have,
        execution_id: outcome.execution_id,
      },
    };
  },
  listApprovals: async ({ context, params }) => {
    const approvals = await invoke(listApprovals, context, params);
    return { body: { items: approvals.map(approvalView) } };
  },
  revokeApproval: async ({ context, params, body }) => {
    const approvals = await invoke(revokeApproval, context, { ...params, ...body });
    return { body: { items: approvals.map(approvalView) } };
  },
  listExecutions: async ({ context, query }) => {
    const page = await invoke(listExecutions, context, {
      limit: query.limit,
      after: decodeCursor('executions', query.cursor),
    });
    return {
      body: { items: page.items.map(executionSummary), next_cursor: encodeCursor('executions', page.next) },
    };
  },
  getExecution: async ({ context, params }) => ({
    body: executionView(await invoke(getExecution, context, params)),
  }),
  getHistory: async ({ context, params }) => ({
    body: await invoke(getHistory, context, params),
  }),
  cancelExecution: async ({ context, params, body }) => ({
    body: executionSummary(await invoke(cancelExecution, context, { ...params, ...body })),
  }),
  resumeExecution: async ({ context, params, body }) => ({
    body: executionSummary(await invoke(resumeExecution, context, { ...params, ...body })),
  }),
  resolveStep: async ({ context, params, body }) => ({
    body: executionSummary(await invoke(resolveStep, context, { ...params, ...body })),
  }),
  pauseExecution: async ({ context, params, body }) => ({
    body: executionSummary(await invoke(pauseExecution, context, { ...params, ...body })),
  }),
  retryStep: async ({ context, params, body }) => ({
    body: executionSummary(await invoke(retryStep, context, { ...params, ...body })),
  }),
  skipStep: async ({ context, params, body }) => ({
    body: executionSummary(await invoke(skipStep, context, { ...params, ...body })),
  }),
  takeoverExecution: async ({ context, params, body }) => ({
    body: executionSummary(await invoke(takeoverExecution, context, { ...params, ...body })),
  }),
  handbackExecution: async ({ context, params, body }) => ({
    body: executionSummary(await invoke(handbackExecution, context, { ...params, ...body })),
  }),
  finishExecution: async ({ context, params, body }) => ({
    body: executionSummary(await invoke(finishExecution, context, { ...params, ...body })),
  }),
  listIncidents: async ({ context, query }) => {
    const page = await invoke(listIncidents, context, {
      limit: query.limit,
      after: decodeCursor('incidents', query.cursor),
      status: query.status === undefined ? null : [query.status],
    });
    return { body: { items: [...page.items], next_cursor: encodeCursor('incidents', page.next) } };
  },
  getIncident: async ({ context, params }) => ({
    body: incidentView(await invoke(getIncident, context, params)),
  }),
  investigateIncident: async ({ context, params, body }) => ({
    body: incidentView(await invoke(investigateIncident, context, { ...params, ...body })),
  }),
  closeIncident: async ({ context, params, body }) => ({
    body: incidentView(await invoke(closeIncident, context, { ...params, ...body })),
  }),
  listPlaybooks: async ({ context }) => ({
    body: { items: (await invoke(listPlaybooks, context, {})).map(playbookView) },
  }),
  putPlaybook: async ({ context, body }) => ({
    body: playbookView(await invoke(putPlaybook, context, body)),
  }),
  listWorkflows: async ({ context }) => {
    const workflows = await invoke(listWorkflows, context, {});
    return {
      body: {
        items: workflows.map(({ name, title, version, inputSchema }) => ({
          name,
          title,
          version,
          input: inputSchema,
        })),
      },
    };
  },
  startWorkflow: async ({ context, params, body }) => {
    const { plan } = await invoke(startWorkflow, context, { ...params, ...body });
    return {
      body: await showPlan(context, plan.plan_id),
      headers: { location: `/v1/plans/${plan.plan_id}` },
    };
  },
  ...SCHEDULE_HANDLERS,
  listAuditEvents: async ({ context, query }) => {
    const { limit, cursor, ...filter } = query;
    const page = await invoke(listAuditEvents, context, {
      limit,
      after: decodeCursor('audit', cursor),
      ...filter,
    });
    const items = page.items.map(({ seq, at, action, actor_id, subject_id, record }) => ({
      seq,
      at,
      action,
      actor_id,
      subject_id,
      record: JsonObject.parse(JSON.parse(record)),
    }));
    return { body: { items, next_cursor: encodeCursor('audit', page.next) } };
  },
  receiveAlerts: async ({ context, body }) => {
    const { received, incidents, ignored, rejected } = await invoke(receiveAlerts, context, body);
    return { body: { received, incidents: [...incidents], ignored: [...ignored], rejected: [...rejected] } };
  },
  getHalt: async ({ context }) => ({ body: { halted: [...(await invoke(getHalt, context, {}))] } }),
  setHalt: async ({ context, body }) => ({ body: { halted: [...(await invoke(setHalt, context, body))] } }),
  clearHalt: async ({ context, body }) => ({
    body: { halted: [...(await invoke(clearHalt, context, body))] },
  }),
};

async function showPlan(context: OperationContext, planId: string): Promise<PlanView> {
  return planView(await invoke(getPlan, context, { plan_id: planId }), context.services.clock.nowMs());
}

function incidentView({ incident, alerts, investigations, evidence }: IncidentDetail): IncidentView {
  return {
    incident,
    alerts: [...alerts],
    investigations: [...investigations],
    evidence: evidence.map(evidenceView),
  };
}

function playbookView({ tenant_id: _tenant, ...playbook }: PlaybookRecord): PlaybookView {
  return playbook;
}
