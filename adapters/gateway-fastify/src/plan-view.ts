import type { ApprovalView, ExecutionSummary, PlanSummary, PlanView } from '@carapulse/contract';
import { toTimestamp } from '@carapulse/kernel';
import type { ApprovalRecord, ExecutionRecord, PlanDetail, PlanRecord } from '@carapulse/operations';
import { planCard } from '@carapulse/plan';

export const CARD_WIDTH = 100;

export function approvalView({ tenant_id: _tenant, ...approval }: ApprovalRecord): ApprovalView {
  return approval;
}

export function planView({ record, approvals, execution, count }: PlanDetail, nowMs: number): PlanView {
  const { plan, status, status_reason, revision, updated_at } = record;
  const card = planCard(plan, {
    status,
    approvals: { given: count.approvers, required: count.needed },
    width: CARD_WIDTH,
    now: toTimestamp(nowMs),
  });
  return {
    plan,
    status,
    status_reason,
    revision,
    updated_at,
    approvals: approvals.map(approvalView),
    execution_id: execution?.execution_id ?? null,
    card: [...card],
  };
}

export function planSummary({ plan, status, status_reason }: PlanRecord): PlanSummary {
  return {
    plan_id: plan.plan_id,
    plan_hash: plan.plan_hash,
    summary: plan.summary,
    status,
    status_reason,
    trigger: plan.trigger.kind,
    environment: plan.context.environment,
    risk: plan.risk.level,
    incident_id: plan.incident_id,
    created_by: plan.created_by,
    created_at: plan.created_at,
    expires_at: plan.expires_at,
  };
}

export function executionSummary({
  tenant_id: _tenant,
  revision: _revision,
  epoch: _epoch,
  steering: _steering,
  ...execution
}: ExecutionRecord): ExecutionSummary {
  return execution;
}
